import type { Folio } from '../kho/folio.js';
import type { Kho } from '../kho/kho.js';
import { allocatePreserved, freePreserved } from '../kho/preserved-folio.js';
import type { Undo } from './undo.js';

/**
 * A page of RAM that passes to the next kernel: its address is the handle that finds it there.
 *
 * @param undo gets the steps back
 * @throws KernelError ENOMEM; nothing is kept then
 */
export function preservePage(kho: Kho, undo: Undo): Folio {
  const page = allocatePreserved(kho, 0);
  undo.add(() => freePreserved(kho, page));
  return page;
}
