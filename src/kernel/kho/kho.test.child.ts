/**
 * The next kernel of a test, in a process of its own: `node kho.test.child.js RAM-FILE ROOT`. It has nothing but the
 * bytes of the file, restores all that the subtree "test" names and prints it as JSON.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { addressOf, pageFrameNumber, physicalAddress } from '../units.js';
import { propertyU64 } from './fdt.js';
import { FdtReader } from './fdt-reader.js';
import { decodeKhoVmalloc, Kho } from './kho.js';

export interface Restored {
  readonly folios: ReadonlyArray<{ order: number; digest: string }>;
  readonly arrays: readonly string[][];
  readonly above: { pfn: number; order: number };
  /** What is left once all was restored and freed. */
  readonly allocated: number;
  readonly freePages: number;
}

const [, , file, root] = process.argv;
if (file === undefined || root === undefined) throw new Error('Cannot boot: a RAM file and a root address are wanted');
const kho = Kho.boot(new Uint8Array(readFileSync(file)), physicalAddress(Number(root)));
process.stdout.write(JSON.stringify(restoreAll(kho)));

function restoreAll(kho: Kho): Restored {
  const address = kho.subtree('test');
  if (address === undefined) throw new Error('Cannot restore: there is no subtree "test"');
  const page = kho.restoreRamFolio(address);
  const tree = FdtReader.parse(page.bytes);
  // Allocated first, so that a page that should be reserved and is not would be overwritten with zeros.
  const other = Array.from({ length: kho.memory.freePages }, () => kho.memory.allocateFolio(0));
  const folios = Array.from(tree.child('folios')?.properties.keys() ?? [], (name) => {
    const folio = kho.restoreRamFolio(physicalAddress(propertyU64(tree.child('folios') ?? tree, name)));
    const digest = createHash('sha256').update(folio.bytes).digest('hex');
    folio.put();
    return { order: folio.order, digest };
  });
  const arrays = Array.from(tree.child('arrays')?.properties.values() ?? [], (record) => {
    const array = kho.restoreVmalloc(decodeKhoVmalloc(record));
    const words = array.folios.map((_, i) => array.getUint64(i * 4096 + 8).toString());
    array.free();
    return words;
  });
  const above = kho.restoreFolio(addressOf(pageFrameNumber(propertyU64(tree, 'above'))));
  for (const folio of [...other, page]) folio.put();
  const { memory } = kho;
  return { folios, arrays, above, allocated: [...memory.allocatedFolios()].length, freePages: memory.freePages };
}
