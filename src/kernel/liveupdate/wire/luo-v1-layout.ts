/**
 * The structures of the format `luo-v1`, packed and little-endian (patches 08 and 10 of the v5 series; the name of 64
 * bytes is that of Linux 6.19).
 *
 * The devicetree of the subtree "LUO", in one page:
 *
 *     / { compatible = "luo-v1"; liveupdate-number = <u64>;
 *         luo-session { compatible = "luo-session-v1" or "-v2"; luo-session-head = <u64, an address>; }; };
 *
 * At luo-session-head, in pages that are contiguous:
 *
 *     u64 pages; u64 count; then `count` times { u8 name[N]; u64 files; u64 pages; u64 count; }
 *
 * At `files` of a session, in pages that are contiguous: `count` times { u8 compatible[48]; u64 data; u64 token; }.
 * A session without files has 0 in all three.
 */
import { LIVEUPDATE_SESSION_NAME_LENGTH, LIVEUPDATE_SESSION_NAME_LENGTH_V5 } from '../../../uapi/liveupdate.js';
import { KernelError } from '../../error.js';
import { COMPATIBLE_LENGTH, type FileRecord } from '../abi.js';
import { SessionName } from '../name.js';

export const COMPATIBLE = 'luo-v1';
export const PROPERTY_NUMBER = 'liveupdate-number';
export const NODE_SESSION = 'luo-session';
export const PROPERTY_SESSION_HEAD = 'luo-session-head';

/** The length of a name in each version of the table of sessions. */
export const sessionVersions: ReadonlyMap<string, number> = new Map([
  ['luo-session-v1', LIVEUPDATE_SESSION_NAME_LENGTH_V5],
  ['luo-session-v2', LIVEUPDATE_SESSION_NAME_LENGTH],
]);

export const HEADER_SIZE = 16;
export const FILE_SIZE = COMPATIBLE_LENGTH + 16;

export function sessionSize(nameLength: number): number {
  return nameLength + 24;
}

/** Where the records of a session's files are, as the table of sessions says. */
export interface FilesPointer {
  readonly address: bigint;
  readonly pages: bigint;
  readonly count: bigint;
}

export function writeSession(
  view: DataView,
  offset: number,
  nameLength: number,
  name: SessionName,
  files: FilesPointer,
) {
  const field = bytesOf(view, offset, nameLength);
  field.fill(0);
  field.set(name.bytes);
  view.setBigUint64(offset + nameLength, files.address, true);
  view.setBigUint64(offset + nameLength + 8, files.pages, true);
  view.setBigUint64(offset + nameLength + 16, files.count, true);
}

/** @throws KernelError EINVAL where the name is empty or has no NUL */
export function readSession(view: DataView, offset: number, nameLength: number): { name: SessionName } & FilesPointer {
  const field = bytesOf(view, offset, nameLength);
  if (field[0] === 0 || !field.includes(0)) {
    throw new KernelError('EINVAL', `Cannot read the table of sessions: the name at offset ${offset} is not valid`);
  }
  return {
    name: SessionName.before(field),
    address: view.getBigUint64(offset + nameLength, true),
    pages: view.getBigUint64(offset + nameLength + 8, true),
    count: view.getBigUint64(offset + nameLength + 16, true),
  };
}

export function writeFile(view: DataView, offset: number, { compatible, data, token }: FileRecord): void {
  const field = bytesOf(view, offset, COMPATIBLE_LENGTH);
  field.fill(0);
  // Names of handlers are ASCII, so there is one byte for each character.
  field.set(new TextEncoder().encode(compatible));
  view.setBigUint64(offset + COMPATIBLE_LENGTH, data, true);
  view.setBigUint64(offset + COMPATIBLE_LENGTH + 8, token, true);
}

/** @throws KernelError EINVAL where the handler's name has no NUL */
export function readFile(view: DataView, offset: number): FileRecord {
  const field = bytesOf(view, offset, COMPATIBLE_LENGTH);
  if (!field.includes(0)) {
    throw new KernelError('EINVAL', `Cannot read the table of files: the handler at offset ${offset} has no NUL`);
  }
  return {
    compatible: SessionName.before(field).key,
    data: view.getBigUint64(offset + COMPATIBLE_LENGTH, true),
    token: view.getBigUint64(offset + COMPATIBLE_LENGTH + 8, true),
  };
}

function bytesOf(view: DataView, offset: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + offset, length);
}
