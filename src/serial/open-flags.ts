/** How a serial port is opened. */
import { open } from '../host/descriptors.js';
import { SystemError } from '../host/libc.js';
import { errno } from '../uapi/errno.js';
import { nresetdev, openFlags } from '../uapi/fcntl.js';

const { O_RDWR, O_NOCTTY, O_NONBLOCK } = openFlags(process.arch);

/** Does not wait for carrier, and takes no controlling terminal. */
const PORT = O_RDWR | O_NOCTTY | O_NONBLOCK;

/**
 * Opens a port without touching its lines.
 *
 * @returns a descriptor, or undefined where the kernel cannot
 * @throws SystemError
 */
export function openUntouched(path: string): number | undefined {
  try {
    return open(path, PORT | nresetdev(process.arch));
  } catch (error) {
    // A kernel without the flag; one that cannot keep this device from being touched.
    const refusals: readonly number[] = [errno.ENOTDIR, errno.EOPNOTSUPP];
    if (error instanceof SystemError && refusals.includes(error.errno)) return undefined;
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
