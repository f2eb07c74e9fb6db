/**
 * The root of a handover: one page with a devicetree, "kho-v1" of Linux 6.18, from which the next kernel finds all else.
 * Its numbers are 64-bit and little-endian.
 *
 *     / { compatible = "kho-v1"; preserved-memory-map = <first page of the map>; NAME { fdt = <address>; }; ... };
 */
import { KernelError } from '../error.js';
import { PAGE_SIZE, type PhysicalAddress, physicalAddress } from '../units.js';
import { FdtError, type FdtNode, propertyString, propertyU64 } from './fdt.js';
import { FdtReader } from './fdt-reader.js';
import { FdtWriter } from './fdt-writer.js';
import type { Folio } from './folio.js';
import { corrupt, inheritedAddress, inheritedPage } from './inherited.js';
import type { PhysicalMemory } from './memory.js';

const COMPATIBLE = 'kho-v1';
const MEMORY_MAP = 'preserved-memory-map';
const SUBTREE = 'fdt';
const WHAT = 'KHO root';

/** What the root says. */
export interface Root {
  /** The first page of the preserved-memory map; 0 where nothing is preserved. */
  readonly memoryMap: PhysicalAddress;
  /** The devicetrees of those who handed something over, by name. */
  readonly subtrees: ReadonlyMap<string, PhysicalAddress>;
}

/**
 * Writes the root into a page that it allocates.
 *
 * @throws KernelError ENOMEM where RAM is full
 * @throws KernelError ENOSPC where the subtrees do not fit into the page
 */
export function writeRoot(memory: PhysicalMemory, root: Root): Folio {
  const fdt = encodeRoot(root);
  if (fdt.length > PAGE_SIZE) {
    throw new KernelError(
      'ENOSPC',
      `Cannot hand over ${root.subtrees.size} subtrees: the KHO root would take ${fdt.length} bytes, it has one page`,
    );
  }
  const folio = memory.allocateFolio(0);
  folio.bytes.set(fdt);
  return folio;
}

function encodeRoot({ memoryMap, subtrees }: Root): Uint8Array {
  const writer = new FdtWriter();
  writer.beginNode('');
  writer.propertyString('compatible', COMPATIBLE);
  writer.propertyU64(MEMORY_MAP, BigInt(memoryMap));
  for (const [name, address] of subtrees) {
    writer.beginNode(name);
    writer.propertyU64(SUBTREE, BigInt(address));
    writer.endNode();
  }
  writer.endNode();
  return writer.finish();
}

/**
 * Reads the root. What it returns shares no memory with RAM, so the page is of no use afterwards.
 *
 * @throws KernelError EINVAL where it is no root, or corrupt
 */
export function readRoot(ram: Uint8Array, address: PhysicalAddress): Root {
  const page = inheritedPage(ram, address, WHAT);
  try {
    return decodeRoot(FdtReader.parse(new Uint8Array(page.buffer, page.byteOffset, page.byteLength)));
  } catch (error) {
    if (error instanceof FdtError) throw corrupt(WHAT, error.message);
    throw error;
  }
}

function decodeRoot(node: FdtNode): Root {
  const compatible = propertyString(node, 'compatible');
  if (compatible !== COMPATIBLE) throw corrupt(WHAT, `it is "${compatible}" and not "${COMPATIBLE}"`);
  const subtrees = new Map<string, PhysicalAddress>();
  for (const child of node.children) {
    subtrees.set(child.name, inheritedAddress(propertyU64(child, SUBTREE), `${WHAT} node "${child.name}"`));
  }
  const memoryMap = node.properties.has(MEMORY_MAP) ? inheritedAddress(propertyU64(node, MEMORY_MAP), WHAT) : 0;
  return { memoryMap: physicalAddress(memoryMap), subtrees };
}
