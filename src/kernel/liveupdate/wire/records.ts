/**
 * The records of a file and of an object bound to files, packed and little-endian: the same in every format so far
 * (patches 08 and 10 of the v5 series; measured on Linux 7.3).
 *
 *     file:   u8 compatible[48]; u64 data; u64 token
 *     object: u8 compatible[48]; u64 data; u64 files that depend on it
 */
import { KernelError } from '../../error.js';
import { COMPATIBLE_LENGTH, type FileRecord, type FlbRecord } from '../abi.js';
import { SessionName } from '../name.js';

export const FILE_SIZE = COMPATIBLE_LENGTH + 16;
export const FLB_SIZE = COMPATIBLE_LENGTH + 16;

export function writeFile(view: DataView, offset: number, { compatible, data, token }: FileRecord): void {
  writeCompatible(view, offset, compatible);
  view.setBigUint64(offset + COMPATIBLE_LENGTH, data, true);
  view.setBigUint64(offset + COMPATIBLE_LENGTH + 8, token, true);
}

/** @throws KernelError EINVAL where the handler's name has no NUL */
export function readFile(view: DataView, offset: number): FileRecord {
  return {
    compatible: readCompatible(view, offset, 'the table of files'),
    data: view.getBigUint64(offset + COMPATIBLE_LENGTH, true),
    token: view.getBigUint64(offset + COMPATIBLE_LENGTH + 8, true),
  };
}

export function writeFlb(view: DataView, offset: number, { compatible, data, count }: FlbRecord): void {
  writeCompatible(view, offset, compatible);
  view.setBigUint64(offset + COMPATIBLE_LENGTH, data, true);
  view.setBigUint64(offset + COMPATIBLE_LENGTH + 8, count, true);
}

/** @throws KernelError EINVAL where the object's name has no NUL */
export function readFlb(view: DataView, offset: number): FlbRecord {
  return {
    compatible: readCompatible(view, offset, 'the table of objects bound to files'),
    data: view.getBigUint64(offset + COMPATIBLE_LENGTH, true),
    count: view.getBigUint64(offset + COMPATIBLE_LENGTH + 8, true),
  };
}

export function writeName(view: DataView, offset: number, length: number, name: SessionName): void {
  const field = bytesOf(view, offset, length);
  field.fill(0);
  field.set(name.bytes);
}

/** @throws KernelError EINVAL where the name is empty or has no NUL */
export function readName(view: DataView, offset: number, length: number): SessionName {
  const field = bytesOf(view, offset, length);
  if (field[0] !== 0 && field.includes(0)) return SessionName.before(field);
  throw new KernelError('EINVAL', `Cannot read the table of sessions: the name at offset ${offset} is not valid`);
}

/** Names of handlers are ASCII, so there is one byte for each character. */
function writeCompatible(view: DataView, offset: number, compatible: string): void {
  const field = bytesOf(view, offset, COMPATIBLE_LENGTH);
  field.fill(0);
  field.set(new TextEncoder().encode(compatible));
}

function readCompatible(view: DataView, offset: number, what: string): string {
  const field = bytesOf(view, offset, COMPATIBLE_LENGTH);
  if (!field.includes(0))
    throw new KernelError('EINVAL', `Cannot read ${what}: the name at offset ${offset} has no NUL`);
  return SessionName.before(field).key;
}

function bytesOf(view: DataView, offset: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + offset, length);
}
