/**
 * The format `hugetlb-memfd-v1`, luo's own: a word at the start of a page, little-endian, and the structure of
 * `memfd-v2` after it.
 *
 *     u32 order of the huge pages; u32 reserved = 0; the structure
 */
import { KernelError } from '../error.js';
import { PAGE_SIZE } from '../units.js';
import type { MemfdFormat, MemfdRecord } from './memfd-format.js';
import { memfdV2 } from './memfd-v2.js';
import { MAX_REGION_ORDER } from './region.js';

const ORDER = 0;
const RESERVED = 4;
const MEMFD = 8;

export const hugetlbMemfdV1: MemfdFormat = {
  compatible: 'hugetlb-memfd-v1',
  folios: memfdV2.folios,

  encode(record) {
    const memfd = memfdV2.encode(record);
    const bytes = new Uint8Array(MEMFD + memfd.length);
    new DataView(bytes.buffer).setUint32(ORDER, record.order ?? 0, true);
    bytes.set(memfd, MEMFD);
    return bytes;
  },

  decode(bytes): MemfdRecord {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const order = view.getUint32(ORDER, true);
    const reserved = view.getUint32(RESERVED, true);
    if (order < 1 || order > MAX_REGION_ORDER || reserved !== 0) {
      throw malformed(`it begins with the order ${order} and the reserved word ${reserved}`);
    }
    const record = memfdV2.decode(bytes.subarray(MEMFD));
    const pageSize = BigInt(PAGE_SIZE * 2 ** order);
    if (record.size % pageSize !== 0n) throw malformed(`${record.size} bytes are no whole number of ${pageSize}`);
    return { ...record, order };
  },
};

function malformed(why: string): KernelError {
  return new KernelError('EINVAL', `Cannot read the state of a memfd of huge pages: ${why}`);
}
