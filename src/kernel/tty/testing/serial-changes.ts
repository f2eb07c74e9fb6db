/** TIOCGSERIAL and TIOCSSERIAL of a measured case. */
import { decodeSerialStruct, encodeSerialStruct, SERIAL_STRUCT_SIZE, type SerialStruct } from '../../../uapi/serial.js';
import { KernelError } from '../../error.js';
import type { TtyBench } from './tty-bench.js';

const ASYNC_SPD_MASK = 0x1030;
const ASYNC_SPD_HI = 0x0010;
const ASYNC_SPD_CUST = 0x0030;
const ASYNC_LOW_LATENCY = 0x2000;
const PORT_16450 = 2;

const members: Readonly<Record<string, keyof SerialStruct>> = {
  type: 'type',
  line: 'line',
  port: 'port',
  irq: 'irq',
  flags: 'flags',
  xmit_fifo_size: 'transmitFifoSize',
  custom_divisor: 'customDivisor',
  baud_base: 'baudBase',
  close_delay: 'closeDelay',
  closing_wait: 'closingWait',
};

export function readSerial(bench: TtyBench): SerialStruct {
  const bytes = new Uint8Array(SERIAL_STRUCT_SIZE);
  bench.ioctl('TIOCGSERIAL', bytes);
  return decodeSerialStruct(bytes);
}

export function serialText(serial: SerialStruct): string {
  return Object.entries(members)
    .map(([name, member]) => `${name}=${serial[member]}`)
    .join(' ');
}

/** @param change such as `flags | ASYNC_SPD_CUST, custom_divisor 3` @returns the error number of a refusal */
export function changeSerial(bench: TtyBench, change: string, privileged: boolean): string | undefined {
  const now = readSerial(bench);
  const { flags } = now;
  const [, name = '', number] = change.match(/(\w+) (0x[0-9a-f]+|\d+)/) ?? [];
  const member = members[name];
  const next = {
    ...now,
    ...(member === undefined ? {} : { [member]: Number(number) }),
    ...(change.startsWith('flags ^ ASYNC_LOW_LATENCY') ? { flags: flags ^ ASYNC_LOW_LATENCY } : {}),
    ...(change.startsWith('flags | ASYNC_SPD_HI') ? { flags: flags | ASYNC_SPD_HI } : {}),
    ...(change.startsWith('flags - ASYNC_SPD_MASK') ? { flags: flags & ~ASYNC_SPD_MASK } : {}),
    ...(change.startsWith('flags | ASYNC_SPD_CUST') ? { flags: flags | ASYNC_SPD_CUST } : {}),
    ...(change.startsWith('type PORT_16450') ? { type: PORT_16450 } : {}),
  };
  try {
    bench.ioctl('TIOCSSERIAL', encodeSerialStruct(next), privileged);
    return undefined;
  } catch (error) {
    if (error instanceof KernelError) return error.code;
    throw error;
  }
}
