/**
 * The format `memfd-v2` (measured on Linux 7.3): a packed structure at the start of a page, little-endian.
 *
 *     u64 position; u64 size; u32 seals; u32 flags = 0; u64 number of folios; struct kho_vmalloc folios
 *
 * The last one is 0 where there is no folio. Then luo's own word follows, where Linux has 0: the page frame number that
 * page 0 of the file has.
 */
import { ALL_SEALS } from '../../uapi/fcntl.js';
import { KernelError } from '../error.js';
import { decodeKhoVmalloc, encodeKhoVmalloc, KHO_VMALLOC_SIZE } from '../kho/kho-vmalloc.js';
import { inheritedPfn, pfnBelowFlags } from './memfd-folios.js';
import type { MemfdFormat, MemfdRecord } from './memfd-format.js';

const POSITION = 0;
const SIZE = 8;
const SEALS = 16;
const FLAGS = 20;
const FOLIO_COUNT = 24;
const FOLIOS = 32;
const REGION = FOLIOS + KHO_VMALLOC_SIZE;
const LENGTH = REGION + 8;

export const memfdV2: MemfdFormat = {
  compatible: 'memfd-v2',
  folios: pfnBelowFlags,

  encode({ position, size, seals, region, folioCount, folios }) {
    const bytes = new Uint8Array(LENGTH);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(POSITION, position, true);
    view.setBigUint64(SIZE, size, true);
    view.setUint32(SEALS, seals, true);
    view.setBigUint64(FOLIO_COUNT, folioCount, true);
    if (folios === undefined) view.setBigUint64(REGION, BigInt(region), true);
    else bytes.set(encodeKhoVmalloc(folios), FOLIOS);
    return bytes;
  },

  /** @throws KernelError also EOPNOTSUPP for a seal that is not known, as Linux 7.3 (read) */
  decode(bytes): MemfdRecord {
    if (bytes.length < LENGTH) throw malformed(`it has ${bytes.length} bytes`);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const seals = view.getUint32(SEALS, true);
    const flags = view.getUint32(FLAGS, true);
    if ((seals & ~ALL_SEALS) !== 0) {
      throw new KernelError('EOPNOTSUPP', `Cannot restore a memfd with the seals 0x${seals.toString(16)}: not known`);
    }
    if (flags !== 0) throw malformed(`it has the flags 0x${flags.toString(16)}, and none is known`);
    const folioCount = view.getBigUint64(FOLIO_COUNT, true);
    const folios = folioCount === 0n ? undefined : decodeKhoVmalloc(bytes.subarray(FOLIOS, REGION));
    const region = view.getBigUint64(REGION, true);
    return {
      position: view.getBigUint64(POSITION, true),
      size: view.getBigUint64(SIZE, true),
      seals,
      region: folios !== undefined || region === 0n ? undefined : inheritedPfn(region),
      folioCount,
      folios,
    };
  },
};

function malformed(why: string): KernelError {
  return new KernelError('EINVAL', `Cannot read the structure of a memfd: ${why}`);
}
