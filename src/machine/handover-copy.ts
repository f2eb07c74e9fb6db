/** What a kernel handed over, kept so that another one can boot from it as if the first had never run. */
import { ftruncateSync } from 'node:fs';
import { copyRange } from '../host/copy-range.js';
import { close, createMemory, duplicate, seek } from '../host/descriptors.js';
import type { Descriptor, Handover } from '../kernel/hardware.js';

const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/**
 * A copy of the RAM, as far as it was written to, and a second descriptor of each file. The files themselves are the
 * same: what is written to one of them is there for whoever has it.
 */
export class HandoverCopy {
  readonly #size: number;
  readonly #copy: number;
  #handover: Handover | undefined;

  /**
   * @param memory the descriptor of the RAM, and `size` its length in bytes
   * @throws SystemError where there is no room for it: nothing is kept then
   */
  constructor(memory: number, size: number, handover: Handover) {
    this.#size = size;
    this.#copy = createMemory('luo-handover', false);
    try {
      ftruncateSync(this.#copy, size);
      copyData(memory, this.#copy, size);
      this.#handover = duplicateAll(handover);
    } catch (error) {
      close(this.#copy);
      throw error;
    }
  }

  /**
   * Puts the RAM back into the state of the handover. Nobody may use it.
   *
   * @returns the handover, whose descriptors are the caller's
   */
  putBack(memory: number): Handover {
    const handover = this.#handover;
    if (handover === undefined) throw new Error('Cannot put a handover back: its descriptors are gone');
    // Pages that were never written to are to be holes again, which read as zeros.
    ftruncateSync(memory, 0);
    ftruncateSync(memory, this.#size);
    copyData(this.#copy, memory, this.#size);
    this.#handover = undefined;
    return handover;
  }

  /** Nobody will need it any more. */
  close(): void {
    close(this.#copy);
    if (this.#handover !== undefined) closeAll(this.#handover);
    this.#handover = undefined;
  }
}

function copyData(from: number, to: number, size: number): void {
  for (let at = 0; at < size; ) {
    const start = seek(from, at, SEEK_DATA);
    // No data after `at` is ENXIO.
    if (start < 0) return;
    const end = seek(from, start, SEEK_HOLE);
    copyRange(from, to, start, end);
    at = end;
  }
}

function descriptorsOf({ regions, descriptors }: Handover): Descriptor[] {
  return [...new Set([...regions, ...descriptors].map(({ descriptor }) => descriptor))];
}

function closeAll(handover: Handover): void {
  for (const descriptor of descriptorsOf(handover)) close(descriptor);
}

/** One descriptor of the copy for each one, however many regions and entries it has. */
function duplicateAll(handover: Handover): Handover {
  const copies = new Map<Descriptor, Descriptor>();
  const copyOf = (descriptor: Descriptor): Descriptor => {
    const copy = copies.get(descriptor);
    if (copy === undefined) throw new Error(`Cannot find the copy of descriptor ${descriptor}`);
    return copy;
  };
  try {
    for (const descriptor of descriptorsOf(handover)) {
      // A number of this process's own table, as the first one is.
      copies.set(descriptor, duplicate(descriptor) as Descriptor);
    }
  } catch (error) {
    for (const copy of copies.values()) close(copy);
    throw error;
  }
  return {
    root: handover.root,
    regions: handover.regions.map((region) => ({ ...region, descriptor: copyOf(region.descriptor) })),
    descriptors: handover.descriptors.map((handed) => ({ ...handed, descriptor: copyOf(handed.descriptor) })),
  };
}
