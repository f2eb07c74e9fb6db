/**
 * The format `memfd-v1` (patch 17 of the v5 series): a devicetree in one page, its numbers little-endian.
 *
 *     / { pos = <u64>; size = <u64>; nr_folios = <u64>; folios = <struct kho_vmalloc>; };
 *
 * `nr_folios` is there where the size is not 0, and `folios` where there are any.
 *
 * Where there is none, because the file is empty or has nothing but holes, `region` is there: the page frame number
 * that page 0 of the file has. It is luo's own.
 */
import { KernelError } from '../error.js';
import { FdtError, propertyU64 } from '../kho/fdt.js';
import { FdtReader } from '../kho/fdt-reader.js';
import { FdtWriter } from '../kho/fdt-writer.js';
import { decodeKhoVmalloc, encodeKhoVmalloc } from '../kho/kho-vmalloc.js';
import { inheritedPfn, pfnAboveFlags } from './memfd-folios.js';
import type { MemfdFormat, MemfdRecord } from './memfd-format.js';

export const memfdV1: MemfdFormat = {
  compatible: 'memfd-v1',
  folios: pfnAboveFlags,

  encode({ position, size, region, folioCount, folios }) {
    const tree = new FdtWriter();
    tree.beginNode('');
    tree.propertyU64('pos', position);
    tree.propertyU64('size', size);
    if (size !== 0n) tree.propertyU64('nr_folios', folioCount);
    if (folios === undefined) tree.propertyU64('region', BigInt(region));
    else tree.property('folios', encodeKhoVmalloc(folios));
    tree.endNode();
    return tree.finish();
  },

  decode(bytes): MemfdRecord {
    try {
      const root = FdtReader.parse(bytes);
      const position = propertyU64(root, 'pos');
      const size = propertyU64(root, 'size');
      const folioCount = size === 0n ? 0n : propertyU64(root, 'nr_folios');
      const folios = root.properties.get('folios');
      if ((folioCount === 0n) !== (folios === undefined)) throw new FdtError('nr_folios does not agree with folios');
      const hasRegion = folios === undefined && root.properties.has('region');
      return {
        position,
        size,
        seals: 0,
        region: hasRegion ? inheritedPfn(propertyU64(root, 'region')) : undefined,
        folioCount,
        folios: folios && decodeKhoVmalloc(folios),
      };
    } catch (error) {
      if (!(error instanceof FdtError)) throw error;
      throw new KernelError('EINVAL', `Cannot read the devicetree of a memfd: ${error.message}`);
    }
  },
};
