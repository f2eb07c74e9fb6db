import { B0, CBAUD } from '../uapi/tty.js';
import { LuoPort } from './binding-port.js';
import { LuoPortError, refused } from './error.js';
import { type OpenedPort, openPort } from './open-port.js';
import { discard, getTermios, setTermios } from './port.js';
import { portFiles } from './port-files.js';
import { completeOptions, type LuoOpenOptions, termiosFor } from './settings.js';
import { checkSpeed } from './speed.js';

/** A serial port of this computer. What is not known is undefined. */
export interface LuoPortInfo {
  /** What to open. */
  path: string;
  /** Who made the device. */
  manufacturer: string | undefined;
  /** Of the device, where it has one. */
  serialNumber: string | undefined;
  /** The name in `/dev/serial/by-id`. */
  pnpId: string | undefined;
  /** Where it is plugged in, such as `1-1.4`. */
  locationId: string | undefined;
  /** Four hexadecimal digits. */
  productId: string | undefined;
  /** Four hexadecimal digits. */
  vendorId: string | undefined;
}

/**
 * Opens a port without moving DTR or RTS.
 *
 * @throws LuoPortError `WOULD_RESET` where that cannot be done and `reset` is not `allow`; the kernel's errors by name
 */
async function open(options: LuoOpenOptions): Promise<LuoPort> {
  const complete = completeOptions(options);
  const opened = await openPort(complete);
  try {
    configure(opened, complete);
    return new LuoPort(opened, complete);
  } catch (error) {
    opened.close();
    throw refused(`open ${complete.path}`, error);
  }
}

function configure({ fd }: OpenedPort, options: Required<LuoOpenOptions>): void {
  const { path, baudRate, reset } = options;
  const now = getTermios(fd);
  if ((now.controlFlags & CBAUD) === B0 && reset !== 'allow') {
    const reason =
      'its speed is 0 (B0), and Linux raises DTR and RTS when it gets another one, which resets many boards. ' +
      "Allow it with { reset: 'allow' }";
    throw new LuoPortError(`Cannot open ${path}: ${reason}`, 'WOULD_RESET');
  }
  setTermios(fd, termiosFor(options, now));
  checkSpeed(fd, baudRate, now, `open ${path}`);
  // It was received with other settings.
  discard(fd, 'input');
}

/** Lists the serial ports that have hardware. Opens none. */
async function list(): Promise<LuoPortInfo[]> {
  return portFiles().map(({ path, id, usb }) => ({
    path,
    manufacturer: usb?.manufacturer,
    serialNumber: usb?.serialNumber,
    pnpId: id?.replace(/^.*\//, ''),
    locationId: usb?.location,
    productId: usb?.productId,
    vendorId: usb?.vendorId,
  }));
}

/** A binding for `serialport`, whose opens and closes move no line: `new SerialPortStream({ binding: LuoBinding, … })`. */
export const LuoBinding = { open, list } as const;
