/**
 * The index of a persistent state: which buffer is under which token. It lies in a memfd with room for two versions of
 * it, and a new version takes the place of the older one. A live update may come at any instruction, and then the
 * version that was being written does not have the digest that it claims, and the other one is whole.
 *
 * Each half of the memfd, little-endian:
 *
 *      0  u8 magic[8]       "LUOSTATE"
 *      8  u32 version       1
 *     12  u32 length        of the text, in bytes
 *     16  u64 sequence      the higher one is the newer
 *     24  u8 digest[32]     SHA-256 of the 24 bytes above and the text
 *     56  u8 text[]         JSON: { "buffers": [{ "key", "token", "bytes" }] }
 */
import { createHash } from 'node:crypto';

/** A buffer of a state. */
export interface IndexEntry {
  readonly key: string;
  /** From 1. */
  readonly token: number;
  readonly bytes: number;
}

const MAGIC = Buffer.from('LUOSTATE', 'latin1');
const VERSION = 1;
const VERSION_OFFSET = 8;
const LENGTH_OFFSET = 12;
const SEQUENCE_OFFSET = 16;
const DIGEST_OFFSET = 24;
const TEXT_OFFSET = 56;

/** The smallest index, 64 KiB: room for some thousand buffers in each half. */
const MIN_SIZE = 1 << 16;

/** What is wrong with an index that cannot be read. */
export class IndexError extends Error {
  constructor(
    readonly problem: 'damaged' | 'version',
    message: string,
  ) {
    super(message);
  }
}

/** The bytes that an index needs to hold these entries, and as many again. */
export function indexSize(entries: readonly IndexEntry[]): number {
  let size = MIN_SIZE;
  while (size < 4 * (TEXT_OFFSET + textOf(entries).length)) size *= 2;
  return size;
}

/** Writes the next version of an index. Returns false, and leaves all as it was, where there is no room for it. */
export function writeIndex(index: Uint8Array, sequence: bigint, entries: readonly IndexEntry[]): boolean {
  const text = textOf(entries);
  const half = index.length / 2;
  if (TEXT_OFFSET + text.length > half) return false;
  const start = sequence % 2n === 0n ? 0 : half;
  const bytes = Buffer.alloc(TEXT_OFFSET + text.length);
  MAGIC.copy(bytes);
  bytes.writeUInt32LE(VERSION, VERSION_OFFSET);
  bytes.writeUInt32LE(text.length, LENGTH_OFFSET);
  bytes.writeBigUInt64LE(sequence, SEQUENCE_OFFSET);
  text.copy(bytes, TEXT_OFFSET);
  digestOf(bytes).copy(bytes, DIGEST_OFFSET);
  index.set(bytes, start);
  return true;
}

/**
 * Reads the newest whole version.
 *
 * @throws IndexError where there is none, or it is of a version of luo that this one does not know
 */
export function readIndex(index: Uint8Array): IndexEntry[] {
  const half = index.length >>> 1;
  const versions = [index.subarray(0, half), index.subarray(half)]
    .map((bytes) => wholeVersion(Buffer.from(bytes)))
    .filter((found) => found !== undefined)
    .sort((one, other) => Number(other.readBigUInt64LE(SEQUENCE_OFFSET) - one.readBigUInt64LE(SEQUENCE_OFFSET)));
  const [newest] = versions;
  if (newest === undefined) throw new IndexError('damaged', 'neither half of its index has the digest that it claims');
  const version = newest.readUInt32LE(VERSION_OFFSET);
  if (version !== VERSION)
    throw new IndexError('version', `its index has version ${version}, and this luo knows version ${VERSION}`);
  return parse(newest.toString('utf8', TEXT_OFFSET));
}

/** The header and text of one half, where they have the digest that they claim. */
function wholeVersion(half: Buffer): Buffer | undefined {
  if (half.length < TEXT_OFFSET || !half.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const length = half.readUInt32LE(LENGTH_OFFSET);
  if (length > half.length - TEXT_OFFSET) return undefined;
  const bytes = half.subarray(0, TEXT_OFFSET + length);
  return digestOf(bytes).equals(bytes.subarray(DIGEST_OFFSET, TEXT_OFFSET)) ? bytes : undefined;
}

function digestOf(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes.subarray(0, DIGEST_OFFSET)).update(bytes.subarray(TEXT_OFFSET)).digest();
}

function textOf(entries: readonly IndexEntry[]): Buffer {
  const buffers = entries.map(({ key, token, bytes }) => ({ key, token, bytes }));
  return Buffer.from(JSON.stringify({ buffers }));
}

/** The digest says that these are the bytes that were written; this, that what wrote them was this format. */
function parse(text: string): IndexEntry[] {
  const value: unknown = jsonOf(text);
  if (!isRecord(value) || !Array.isArray(value['buffers'])) throw malformed();
  // Array.isArray gives any[]: each is looked at.
  const buffers: readonly unknown[] = value['buffers'];
  const entries = buffers.map(entryOf);
  const count = (field: 'key' | 'token') => new Set(entries.map((entry) => entry[field])).size;
  if (count('key') < entries.length || count('token') < entries.length) throw malformed();
  return entries;
}

function entryOf(value: unknown): IndexEntry {
  if (!isRecord(value)) throw malformed();
  const { key, token, bytes } = value;
  if (typeof key !== 'string' || !isCount(token) || token < 1 || !isCount(bytes)) throw malformed();
  return { key, token, bytes };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw malformed();
  }
}

function malformed(): IndexError {
  return new IndexError('damaged', 'its index is not what a state writes');
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
