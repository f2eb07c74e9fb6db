/** How a program gets at a port without moving its lines. */
import { close } from '../host/descriptors.js';
import { SetupError } from '../host/directories.js';
import { SystemError } from '../host/libc.js';
import { tryLock } from '../host/locks.js';
import { errnoName } from '../uapi/errno.js';
import { ask } from './ask.js';
import { socketOf } from './claims.js';
import { type Device, deviceAt, whyNotOpen } from './device.js';
import { LuoPortError } from './error.js';
import { openPlain, openUntouched } from './open-flags.js';

/** An open port, whose owner closes it once. */
export interface OpenedPort {
  readonly fd: number;
  /** Whether the open can have moved no line. */
  readonly untouched: boolean;
  /** Whether another process holds it, so that no close is the last. */
  readonly held: boolean;
  close(): void;
}

export interface Opening {
  readonly path: string;
  readonly lock: boolean;
  readonly reset: 'refuse' | 'allow';
}

/**
 * Opens a port: by the luo that holds it, else with O_NRESETDEV, else as everybody does where that is allowed, or where
 * there are no lines.
 *
 * @throws LuoPortError with the reason and what to do: `WOULD_RESET`, or the kernel's
 */
export async function openPort(opening: Opening): Promise<OpenedPort> {
  const device = find(opening.path);
  const held = await fromHolder(device, opening);
  if (held !== undefined) return held;
  const { fd, untouched } = openByPath(device, opening);
  if (!opening.lock || tryLock(fd)) return { fd, untouched, held: false, close: () => close(fd) };
  close(fd);
  throw refusal(opening.path, 'another program has locked it', 'EAGAIN');
}

function find(path: string): Device {
  try {
    return deviceAt(path, `open ${path}`);
  } catch (error) {
    if (error instanceof SetupError) throw new LuoPortError(error.message);
    throw error;
  }
}

async function fromHolder({ key }: Device, { lock }: Opening): Promise<OpenedPort | undefined> {
  const reply = await ask(socketOf(key), { request: 'open', lock });
  if (reply === undefined) return undefined;
  const { answer, descriptor: fd, connection } = reply;
  if ('opened' in answer && fd !== undefined) {
    const closeBoth = () => {
      close(fd);
      close(connection);
    };
    return { fd, untouched: true, held: true, close: closeBoth };
  }
  close(connection);
  throw new LuoPortError('error' in answer ? answer.error : 'Cannot open the port: its holder gave none', 'EBUSY');
}

function openByPath({ path, kind }: Device, { reset }: Opening): { fd: number; untouched: boolean } {
  try {
    const fd = openUntouched(path);
    if (fd !== undefined) return { fd, untouched: true };
    if (kind === 'pseudo-terminal') return { fd: openPlain(path), untouched: true };
    if (reset === 'allow') return { fd: openPlain(path), untouched: false };
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw refusal(path, whyNotOpen(path, error.errno), errnoName(error.errno));
  }
  const reason =
    'it would raise DTR and RTS, which resets many boards, as nothing holds the port and this kernel has no ' +
    `O_NRESETDEV. Hold it with "luo serial hold -d ${path}", or allow it with { reset: 'allow' }`;
  throw refusal(path, reason, 'WOULD_RESET');
}

function refusal(path: string, reason: string, code: string): LuoPortError {
  return new LuoPortError(`Cannot open ${path}: ${reason}`, code);
}
