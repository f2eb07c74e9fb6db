/**
 * The structures of the format `luo-v1`, packed and little-endian (patches 08 and 10 of the v5 series; the name of 64
 * bytes is that of Linux 6.19).
 *
 * The devicetree of the subtree "LUO", in one page:
 *
 *     / { compatible = "luo-v1"; liveupdate-number = <u64>;
 *         luo-session { compatible = "luo-session-v1" or "-v2"; luo-session-head = <u64, an address>; };
 *         luo-flb { compatible = "luo-flb-v1"; luo-flb-head = <u64, an address>; }; };
 *
 * At luo-session-head, in pages that are contiguous:
 *
 *     u64 pages; u64 count; then `count` times { u8 name[N]; u64 files; u64 pages; u64 count; }
 *
 * At `files` of a session, in pages that are contiguous: `count` records of files. A session without files has 0 in all
 * three.
 *
 * At luo-flb-head, in one page: u64 pages; u64 count; then `count` records of objects.
 */
import { LIVEUPDATE_SESSION_NAME_LENGTH, LIVEUPDATE_SESSION_NAME_LENGTH_V5 } from '../../../uapi/liveupdate.js';
import type { SessionName } from '../name.js';
import { readName, writeName } from './records.js';

export const COMPATIBLE = 'luo-v1';
export const PROPERTY_NUMBER = 'liveupdate-number';
export const NODE_SESSION = 'luo-session';
export const PROPERTY_SESSION_HEAD = 'luo-session-head';

export const NODE_FLB = 'luo-flb';
export const FLB_COMPATIBLE = 'luo-flb-v1';
export const PROPERTY_FLB_HEAD = 'luo-flb-head';

/** The length of a name in each version of the table of sessions. */
export const sessionVersions: ReadonlyMap<string, number> = new Map([
  ['luo-session-v1', LIVEUPDATE_SESSION_NAME_LENGTH_V5],
  ['luo-session-v2', LIVEUPDATE_SESSION_NAME_LENGTH],
]);

export const HEADER_SIZE = 16;

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
  writeName(view, offset, nameLength, name);
  view.setBigUint64(offset + nameLength, files.address, true);
  view.setBigUint64(offset + nameLength + 8, files.pages, true);
  view.setBigUint64(offset + nameLength + 16, files.count, true);
}

/** @throws KernelError EINVAL where the name is empty or has no NUL */
export function readSession(view: DataView, offset: number, nameLength: number): { name: SessionName } & FilesPointer {
  return {
    name: readName(view, offset, nameLength),
    address: view.getBigUint64(offset + nameLength, true),
    pages: view.getBigUint64(offset + nameLength + 8, true),
    count: view.getBigUint64(offset + nameLength + 16, true),
  };
}
