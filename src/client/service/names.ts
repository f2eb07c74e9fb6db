/** The names of the sessions of a service. A session has at most 63 bytes, 55 in the v5 series. */
import { createHash } from 'node:crypto';
import type { ListenOptions } from 'node:net';

const LONGEST = 40;

/** That of the listening socket. */
export function listenerSession(name: string): string {
  return `listen/${name}`;
}

/** That of the connections of one process. Those of a cluster have slots, from 0. */
export function connectionSession(name: string, slot: number): string {
  return `listen/${name}/${slot}`;
}

/** What a socket is known by where nobody says it: its address. */
export function defaultName({ port, host, path }: ListenOptions): string {
  if (port === undefined && path !== undefined) return short(path);
  return short(host === undefined ? String(port ?? 0) : `${host}:${port ?? 0}`);
}

/** @throws RangeError where it is too long for the name of a session */
export function checkedName(name: string): string {
  const bytes = Buffer.byteLength(name);
  if (bytes > 0 && bytes <= LONGEST && !name.includes('\0')) return name;
  throw new RangeError(
    `Cannot name a service ${JSON.stringify(name)}: it has ${bytes} bytes, and 1 to ${LONGEST} without a NUL are taken`,
  );
}

function short(text: string): string {
  const plain = text.replaceAll('\0', '@');
  if (Buffer.byteLength(plain) <= LONGEST) return plain;
  return createHash('sha256').update(text).digest('hex').slice(0, LONGEST);
}
