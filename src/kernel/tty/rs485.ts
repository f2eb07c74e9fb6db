import {
  SER_RS485_ENABLED,
  SER_RS485_RTS_AFTER_SEND,
  SER_RS485_RTS_ON_SEND,
  SER_RS485_RX_DURING_TX,
  type SerialRs485,
} from '../../uapi/serial.js';
import { NO_RS485 } from './driver.js';

/** In milliseconds: RTS waits no longer. */
export const LONGEST_RTS_DELAY = 100;

const POLARITY = SER_RS485_RTS_ON_SEND | SER_RS485_RTS_AFTER_SEND;
const KNOWN = SER_RS485_ENABLED | POLARITY | SER_RS485_RX_DURING_TX;

/**
 * What a port makes of the settings that a program wants: those that it does not know are dropped, and where RTS would
 * be the same while it sends and while it does not, it is asserted while it sends.
 */
export function possibleRs485({ flags, delayBeforeSend, delayAfterSend }: SerialRs485): SerialRs485 {
  if ((flags & SER_RS485_ENABLED) === 0) return NO_RS485;
  const polarity = flags & POLARITY;
  const isSame = polarity === 0 || polarity === POLARITY;
  return {
    flags: (flags & KNOWN & ~POLARITY) | (isSame ? SER_RS485_RTS_ON_SEND : polarity),
    delayBeforeSend: Math.min(delayBeforeSend, LONGEST_RTS_DELAY),
    delayAfterSend: Math.min(delayAfterSend, LONGEST_RTS_DELAY),
  };
}
