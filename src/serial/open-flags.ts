/** How a serial port is opened. */
import { open } from '../host/descriptors.js';
import { SystemError } from '../host/libc.js';
import { errno } from '../uapi/errno.js';
import { openFlags } from '../uapi/fcntl.js';

const { O_RDWR, O_NOCTTY, O_NONBLOCK, O_DIRECTORY } = openFlags(process.arch);

/**
 * A device is opened as it is: no line, no setting and no state of it is touched. A kernel without the flag would drop
 * its bit without a word and open the device as ever; with O_DIRECTORY each such kernel refuses what is no directory
 * (`ENOTDIR`) before it touches it.
 */
const O_NRESETDEV = (1 << 23) | O_DIRECTORY;

/** Does not wait for carrier, and takes no controlling terminal. */
const PORT = O_RDWR | O_NOCTTY | O_NONBLOCK;

/**
 * Opens a port without touching its lines.
 *
 * @returns a descriptor, or undefined where the kernel cannot: it has no O_NRESETDEV
 * @throws SystemError
 */
export function openUntouched(path: string): number | undefined {
  try {
    return open(path, PORT | O_NRESETDEV);
  } catch (error) {
    if (error instanceof SystemError && error.errno === errno.ENOTDIR) return undefined;
    throw error;
  }
}

/**
 * Opens a port as any program does: Linux raises DTR and RTS where they are low, unless the speed of the port is 0.
 *
 * @throws SystemError
 */
export function openPlain(path: string): number {
  return open(path, PORT);
}
