/**
 * The structures of the format `luo-v5` of Linux 7.3, packed and little-endian (measured on Linux 7.3). The number is the
 * format's own: it has nothing to do with the version of the patch series.
 *
 * The page that KHO has as "LUO":
 *
 *     u8 compatible[8] = "luo-v5"; u64 liveupdate number; u64 first block of sessions or 0; u64 page of objects
 *
 * A session, in blocks as `block-chain.ts` has them: u8 name[64]; u64 first block of its files or 0; u64 count of its files.
 * A file, in blocks of its session's chain: its record.
 *
 * The page of objects bound to files: u64 pages = 1; u64 count; then `count` records of objects.
 */
import { LIVEUPDATE_SESSION_NAME_LENGTH } from '../../../uapi/liveupdate.js';
import { PAGE_SIZE } from '../../units.js';
import type { SessionName } from '../name.js';
import { FLB_SIZE, readName, writeName } from './records.js';

export const COMPATIBLE = 'luo-v5';
/** Bytes of the name of the format, padded with NUL. */
export const FORMAT_LENGTH = 8;

export const SESSION_SIZE = LIVEUPDATE_SESSION_NAME_LENGTH + 16;

export const FLB_HEADER_SIZE = 16;
/** The most objects bound to files: what fits into their page. */
export const MAX_FLBS = Math.floor((PAGE_SIZE - FLB_HEADER_SIZE) / FLB_SIZE);

/** What the page "LUO" says (`struct luo_ser`). */
export interface Head {
  readonly number: bigint;
  readonly sessions: bigint;
  readonly flbs: bigint;
}

export function writeHead(view: DataView, { number, sessions, flbs }: Head): void {
  new Uint8Array(view.buffer, view.byteOffset, FORMAT_LENGTH).set(new TextEncoder().encode(COMPATIBLE));
  view.setBigUint64(8, number, true);
  view.setBigUint64(16, sessions, true);
  view.setBigUint64(24, flbs, true);
}

export function readHead(view: DataView): Head {
  return {
    number: view.getBigUint64(8, true),
    sessions: view.getBigUint64(16, true),
    flbs: view.getBigUint64(24, true),
  };
}

/** A session with the chain of its files (`struct luo_session_ser`). */
export interface SessionEntry {
  readonly name: SessionName;
  readonly files: bigint;
  readonly count: bigint;
}

export function writeSession(view: DataView, offset: number, { name, files, count }: SessionEntry): void {
  writeName(view, offset, LIVEUPDATE_SESSION_NAME_LENGTH, name);
  view.setBigUint64(offset + LIVEUPDATE_SESSION_NAME_LENGTH, files, true);
  view.setBigUint64(offset + LIVEUPDATE_SESSION_NAME_LENGTH + 8, count, true);
}

/** @throws KernelError EINVAL where the name is empty or has no NUL */
export function readSession(view: DataView, offset: number): SessionEntry {
  return {
    name: readName(view, offset, LIVEUPDATE_SESSION_NAME_LENGTH),
    files: view.getBigUint64(offset + LIVEUPDATE_SESSION_NAME_LENGTH, true),
    count: view.getBigUint64(offset + LIVEUPDATE_SESSION_NAME_LENGTH + 8, true),
  };
}
