import {
  FDT_HEADER_SIZE,
  FDT_MAGIC,
  FDT_MAX_DEPTH,
  FDT_MAX_NAME,
  FDT_VERSION,
  FdtError,
  FdtNode,
  FdtToken,
  isNodeName,
  isPropertyName,
} from './fdt.js';

/** Reads a flattened devicetree of version 17 that anyone may have written. */
export class FdtReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** Where the structure and the strings are: offsets from the start of the tree. */
  readonly #structureEnd: number;
  readonly #stringsStart: number;
  readonly #stringsEnd: number;
  /** The next byte of the structure. */
  #at: number;

  /**
   * Reads the whole tree. Bytes after its end are ignored, so a page that holds one is fine. The values of properties
   * are views of `bytes`: writing into one changes the tree in place.
   *
   * @throws FdtError where it does not follow the format
   */
  static parse(bytes: Uint8Array): FdtNode {
    return new FdtReader(bytes).#tree();
  }

  private constructor(bytes: Uint8Array) {
    if (bytes.length < FDT_HEADER_SIZE) {
      throw malformed(`it has ${bytes.length} bytes, its header alone would be ${FDT_HEADER_SIZE}`);
    }
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const [magic, size, structure, strings, reserveMap, version, lastCompatible, , stringsSize, structureSize] = header(
      this.#view,
    );
    if (magic !== FDT_MAGIC) throw malformed(`it starts with 0x${magic.toString(16)} and not with 0xd00dfeed`);
    if (version < FDT_VERSION || lastCompatible > FDT_VERSION) {
      throw malformed(`it has version ${version}, compatible with ${lastCompatible}, and not 17`);
    }
    if (size > bytes.length) throw malformed(`it has ${bytes.length} bytes and should have ${size}`);
    // The specification has the blocks in this order, so none overlaps the next one.
    const reserveMapEnd = this.#reserveMapEnd(reserveMap, size);
    if (structure % 4 !== 0 || structure < reserveMapEnd || structure + structureSize > strings) {
      throw malformed(`its structure of ${structureSize} bytes at ${structure} is not where it can be`);
    }
    if (strings + stringsSize > size) {
      throw malformed(`its strings of ${stringsSize} bytes at ${strings} are not where they can be`);
    }
    this.#bytes = bytes;
    this.#at = structure;
    this.#structureEnd = structure + structureSize;
    this.#stringsStart = strings;
    this.#stringsEnd = strings + stringsSize;
  }

  /** Finds the entry of two zeros that ends the map. What is reserved is of no use here. */
  #reserveMapEnd(start: number, size: number): number {
    if (start % 8 !== 0 || start < FDT_HEADER_SIZE)
      throw malformed(`its reserve map at ${start} is not where it can be`);
    for (let at = start; at + 16 <= size; at += 16) {
      if (this.#view.getBigUint64(at) === 0n && this.#view.getBigUint64(at + 8) === 0n) return at + 16;
    }
    throw malformed(`its reserve map at ${start} has no end`);
  }

  #tree(): FdtNode {
    const open: FdtNode[] = [];
    let root: FdtNode | undefined;
    for (;;) {
      const token = this.#word();
      const node = open.at(-1);
      if (token === FdtToken.nop) continue;
      if (token === FdtToken.beginNode && (node !== undefined || root === undefined)) {
        const child = this.#beginNode(node, open.length);
        root ??= child;
        open.push(child);
      } else if (token === FdtToken.property && node !== undefined) {
        this.#property(node);
      } else if (token === FdtToken.endNode && node !== undefined) {
        open.pop();
      } else if (
        token === FdtToken.end &&
        node === undefined &&
        root !== undefined &&
        this.#at === this.#structureEnd
      ) {
        return root;
      } else {
        throw malformed(`token ${token} at ${this.#at - 4} cannot be there`);
      }
    }
  }

  #beginNode(parent: FdtNode | undefined, depth: number): FdtNode {
    const name = this.#text(this.#at, this.#structureEnd);
    if (parent === undefined ? name !== '' : !isNodeName(name))
      throw malformed(`a node cannot be named "${name}" there`);
    if (parent?.child(name) !== undefined) throw malformed(`node "${parent.name}" has two nodes "${name}"`);
    if (depth === FDT_MAX_DEPTH) throw malformed(`it has nodes deeper than ${FDT_MAX_DEPTH}`);
    this.#skip(name.length + 1);
    const node = new FdtNode(name);
    parent?.addChild(node);
    return node;
  }

  #property(node: FdtNode): void {
    const length = this.#word();
    const nameOffset = this.#word();
    const name = this.#text(this.#stringsStart + nameOffset, this.#stringsEnd);
    if (!isPropertyName(name)) throw malformed(`a property cannot be named "${name}"`);
    if (node.hasChildren()) throw malformed(`property "${name}" of node "${node.name}" is after a node in that`);
    if (node.properties.has(name)) throw malformed(`node "${node.name}" has two properties "${name}"`);
    const start = this.#at;
    this.#skip(length);
    node.properties.set(name, this.#bytes.subarray(start, start + length));
  }

  #word(): number {
    const at = this.#at;
    this.#skip(4);
    return this.#view.getUint32(at);
  }

  /** Passes `length` bytes and what pads them to a multiple of 4. */
  #skip(length: number): void {
    const next = this.#at + Math.ceil(length / 4) * 4;
    if (next > this.#structureEnd) throw malformed(`its structure ends inside of what is at ${this.#at}`);
    this.#at = next;
  }

  /** The characters from `start` up to a zero byte that must come before `end`. */
  #text(start: number, end: number): string {
    const longest = this.#bytes.subarray(start, Math.max(start, Math.min(end, start + FDT_MAX_NAME + 1)));
    const length = longest.indexOf(0);
    if (length < 0) throw malformed(`the name at ${start} has no end`);
    // A byte a character: what is no ASCII is refused as a name by who asked.
    return String.fromCharCode(...longest.subarray(0, length));
  }
}

type Words = [number, number, number, number, number, number, number, number, number, number];

/** The ten numbers of the header, in the order of the specification (5.2). */
function header(view: DataView): Words {
  const word = (index: number) => view.getUint32(index * 4);
  return [word(0), word(1), word(2), word(3), word(4), word(5), word(6), word(7), word(8), word(9)];
}

function malformed(why: string): FdtError {
  return new FdtError(`Cannot read the devicetree: ${why}`);
}
