import type { Folio } from './folio.js';
import type { HandoverMemory } from './kho.js';

/**
 * Pages for the next kernel: allocated, and preserved from then on, so that they can be handed over at any time.
 *
 * @throws KernelError ENOMEM; nothing is kept then
 */
export function allocatePreserved(kho: HandoverMemory, order: number): Folio {
  const folio = kho.memory.allocateFolio(order);
  try {
    kho.preserveFolio(folio.pfn, order);
  } catch (error) {
    folio.put();
    throw error;
  }
  return folio;
}

/** Undoes `allocatePreserved`. */
export function freePreserved(kho: HandoverMemory, folio: Folio): void {
  kho.unpreserveFolio(folio.pfn, folio.order);
  folio.put();
}
