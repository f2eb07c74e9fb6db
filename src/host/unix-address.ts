import { type Scratch, scratch } from './scratch.js';

export const AF_UNIX = 1;

/** The longest path of a Unix socket, without its NUL. */
const PATH_LIMIT = 107;

/** `struct sockaddr_un` is { u16 family; char path[108] }. */
const written = scratch(2 + PATH_LIMIT + 1);

/**
 * The address of a Unix socket, until the next one is asked for.
 *
 * @param name a path; or "@" and a name that is in no file system (the abstract namespace), as systemd writes it
 * @throws RangeError where it is too long
 */
export function unixAddress(name: string): { readonly address: Scratch['address']; readonly length: number } {
  const length = Buffer.byteLength(name);
  if (length > PATH_LIMIT)
    throw new RangeError(`Cannot use ${name} for a socket: at most ${PATH_LIMIT} bytes are possible`);
  written.view.setUint16(0, AF_UNIX, true);
  written.bytes.fill(0, 2);
  written.bytes.write(name, 2);
  if (!name.startsWith('@')) return { address: written.address, length: 2 + length + 1 };
  // Such names begin with a NUL, and end where the address does.
  written.bytes[2] = 0;
  return { address: written.address, length: 2 + length };
}
