import {
  FDT_LAST_COMPATIBLE_VERSION,
  FDT_MAGIC,
  FDT_MAX_DEPTH,
  FDT_VERSION,
  FdtToken,
  isNodeName,
  isPropertyName,
} from './fdt.js';

/** An empty reserve map: only the entry of two 64-bit zeros that ends it. It starts at a multiple of its size. */
const RESERVE_MAP_SIZE = 16;
const RESERVE_MAP_OFFSET = 48;

interface OpenNode {
  readonly properties: Set<string>;
  readonly children: Set<string>;
}

/**
 * Writes a flattened devicetree from the first node to the last one, byte by byte as the kernel's libfdt does (fdt_sw.c;
 * the order of the names was measured on the devicetree of KHO of Linux 7.3): a name is written before those that came
 * earlier, and not at all where it is the end of one of them. A call that would make it one that no reader
 * accepts throws an Error: a bug of the caller.
 */
export class FdtWriter {
  readonly #structure: Uint8Array[] = [];
  /** The names of properties, each with its zero character. */
  #strings = '';
  /** The properties' headers, and how far from the end of the strings their names start. */
  readonly #named: { readonly header: Uint8Array; readonly fromEnd: number }[] = [];
  readonly #open: OpenNode[] = [];
  #finished = false;

  /**
   * Starts a node in the one that is open. The first one is the root and has the empty name.
   *
   * @throws Error where the name is not allowed, taken by a node beside it, or the tree already has a root
   */
  beginNode(name: string): void {
    const parent = this.#open.at(-1);
    if (parent === undefined ? this.#structure.length > 0 || name !== '' : !isNodeName(name)) {
      throw new Error(`Cannot begin node "${name}" here: there is one root, named "", and the others have names`);
    }
    if (parent?.children.has(name)) throw new Error(`Cannot begin node "${name}": its parent has one of that name`);
    if (this.#open.length === FDT_MAX_DEPTH) {
      throw new Error(`Cannot begin node "${name}": it would be deeper than ${FDT_MAX_DEPTH}`);
    }
    parent?.children.add(name);
    this.#open.push({ properties: new Set(), children: new Set() });
    this.#structure.push(words(FdtToken.beginNode), padded(zeroTerminated(name)));
  }

  /**
   * Adds a property to the node that is open. A node has its properties before its nodes.
   *
   * @throws Error where the name is not allowed or taken, or no node can have a property here
   */
  property(name: string, bytes: Uint8Array): void {
    const node = this.#open.at(-1);
    if (node === undefined || node.children.size > 0) {
      throw new Error(`Cannot write property "${name}" here: it must be in a node and before the nodes in that`);
    }
    if (!isPropertyName(name)) throw new Error(`Cannot write property "${name}": the name is not allowed`);
    if (node.properties.has(name)) throw new Error(`Cannot write property "${name}": the node has one of that name`);
    node.properties.add(name);
    const header = words(FdtToken.property, bytes.length, 0);
    this.#named.push({ header, fromEnd: this.#nameFromEnd(name) });
    this.#structure.push(header, padded(bytes));
  }

  /**
   * A string, ended by a zero byte.
   *
   * @throws Error as `property`, and where the text has a zero character
   */
  propertyString(name: string, text: string): void {
    if (text.includes('\0')) throw new Error(`Cannot write property "${name}": the text has a zero character`);
    this.property(name, zeroTerminated(text));
  }

  /**
   * A 64-bit number in the byte order of the CPU, little-endian, as KHO and LUO of Linux 6.18 write theirs. The
   * specification would have it big-endian.
   *
   * @throws Error as `property`
   */
  propertyU64(name: string, value: bigint): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, value, true);
    this.property(name, bytes);
  }

  /** @throws Error where no node is open */
  endNode(): void {
    if (this.#open.pop() === undefined) throw new Error('Cannot end a node: none is open');
    this.#structure.push(words(FdtToken.endNode));
  }

  /**
   * The whole tree. The writer is of no use afterwards.
   *
   * @throws Error where a node is open, there is no root, or the tree was finished before
   */
  finish(): Uint8Array {
    if (this.#finished || this.#open.length > 0 || this.#structure.length === 0) {
      throw new Error('Cannot finish the devicetree: it must have a root, no open node, and be finished only once');
    }
    this.#finished = true;
    this.#structure.push(words(FdtToken.end));
    const strings = new TextEncoder().encode(this.#strings);
    for (const { header, fromEnd } of this.#named) new DataView(header.buffer).setUint32(8, strings.length - fromEnd);
    const structure = concatenate(this.#structure);
    const structureOffset = RESERVE_MAP_OFFSET + RESERVE_MAP_SIZE;
    const stringsOffset = structureOffset + structure.length;
    const header = words(
      FDT_MAGIC,
      stringsOffset + strings.length,
      structureOffset,
      stringsOffset,
      RESERVE_MAP_OFFSET,
      FDT_VERSION,
      FDT_LAST_COMPATIBLE_VERSION,
      0, // the CPU that boots
      strings.length,
      structure.length,
    );
    const reserveMap = new Uint8Array(structureOffset - header.length);
    return concatenate([header, reserveMap, structure, strings]);
  }

  /** Where a name is in the strings, which grow at their start. It is there once, whatever number of nodes have it. */
  #nameFromEnd(name: string): number {
    const known = this.#strings.indexOf(`${name}\0`);
    if (known >= 0) return this.#strings.length - known;
    this.#strings = `${name}\0${this.#strings}`;
    return this.#strings.length;
  }
}

/** 32-bit numbers, big-endian. */
function words(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) view.setUint32(i * 4, value);
  return bytes;
}

function zeroTerminated(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}

/** A copy with zero bytes up to a multiple of 4. */
function padded(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  copy.set(bytes);
  return copy;
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
