import { readFileSync } from 'node:fs';
import { PhysicalMemory } from '../kho/memory.js';
import { writeMemoryMap } from '../kho/memory-map.js';
import { writeRoot } from '../kho/root.js';
import { Tracker } from '../kho/tracker.js';
import { PAGE_SIZE, type PhysicalAddress, pageOf, physicalAddress } from '../units.js';

/** What a real Linux handed over, in the RAM that it had, behind a root and a map that this kernel reads. */
export interface RecordedHandover {
  readonly ram: Uint8Array;
  /** What to boot from. */
  readonly root: PhysicalAddress;
  /** Where Linux has LUO's state. */
  readonly luo: PhysicalAddress;
  /** The devicetree of KHO as Linux wrote it. */
  readonly khoTree: Uint8Array;
}

/** How the file is written: bytes in hexadecimal, those of pages by their address and without the zeros at the end. */
interface RecordFile {
  readonly ram: number;
  readonly khoTree: string;
  readonly pages: Readonly<Record<string, string>>;
}

/**
 * Makes the RAM of `test/conformance/linux-7.3-handover.json`. Every page that was recorded is preserved in it.
 *
 * @param luo where that file has LUO's state, which it does not name
 */
export function recordedHandover(luo: (khoTree: Uint8Array) => bigint): RecordedHandover {
  const file = new URL('../../../test/conformance/linux-7.3-handover.json', import.meta.url);
  // The recording program wrote it.
  const record = JSON.parse(readFileSync(file, 'utf8')) as RecordFile;
  const ram = new Uint8Array(record.ram);
  const pages = Object.entries(record.pages).map(([address, bytes]) => ({
    address: physicalAddress(Number(address)),
    bytes: Buffer.from(bytes, 'hex'),
  }));
  const tracker = new Tracker();
  for (const { address, bytes } of pages) {
    ram.set(bytes, address);
    tracker.add(pageOf(address), 0);
  }
  const memory = new PhysicalMemory(
    ram,
    pages.map(({ address }) => ({ pfn: pageOf(address), order: 0 })),
  );
  const khoTree = new Uint8Array(Buffer.from(record.khoTree, 'hex'));
  const address = physicalAddress(luo(khoTree));
  const { first } = writeMemoryMap(memory, tracker);
  const { address: root } = writeRoot(memory, { memoryMap: first, subtrees: new Map([['LUO', address]]) });
  return { ram, root, luo: address, khoTree };
}

/** The addresses and counts of the blocks of a chain. */
export function blocksOf(ram: Uint8Array, head: bigint): { address: number; count: number }[] {
  const view = new DataView(ram.buffer, ram.byteOffset, ram.length);
  const blocks: { address: number; count: number }[] = [];
  for (let address = Number(head); address !== 0; address = Number(view.getBigUint64(address, true))) {
    if (blocks.length > ram.length / PAGE_SIZE) throw new Error('The chain has no end');
    blocks.push({ address, count: Number(view.getBigUint64(address + 8, true)) });
  }
  return blocks;
}
