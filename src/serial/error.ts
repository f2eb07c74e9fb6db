import { SystemError } from '../host/libc.js';
import { errnoName } from '../uapi/errno.js';

/** What became of an operation on a port. The message is a sentence. */
export class LuoPortError extends Error {
  override readonly name = 'LuoPortError';
  /** The port was closed meanwhile: `serialport` does not take it for a disconnection. */
  canceled?: boolean;
  /** The device is gone: `serialport` closes the port with an error whose `disconnected` is true. */
  disconnect?: boolean;
  /** The name of the kernel's error, such as `EBUSY`; `WOULD_RESET` where only a reset of the device could open it. */
  readonly code: string | undefined;

  /** @internal */
  constructor(message: string, code?: string) {
    super(message);
    this.code = code;
  }
}

/** The error for a port that was closed, before an operation or during it. */
export function closedError(): LuoPortError {
  return Object.assign(new LuoPortError('Port is not open', 'EBADF'), { canceled: true });
}

/** The error for a port whose device is gone. */
export function lostError(path: string): LuoPortError {
  const message = `Cannot use ${path} any more: its device is gone, unplugged or hung up`;
  return Object.assign(new LuoPortError(message, 'EIO'), { disconnect: true });
}

/** What the kernel refused, in a sentence. */
export function refused(action: string, error: unknown): Error {
  if (!(error instanceof SystemError)) return error instanceof Error ? error : new Error(String(error));
  const code = errnoName(error.errno);
  return new LuoPortError(`Cannot ${action}: the kernel says ${code} (${error.operation})`, code);
}
