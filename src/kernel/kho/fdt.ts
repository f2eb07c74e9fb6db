/**
 * The flattened devicetree: what both its writer and its reader know. The format is version 17 of the Devicetree
 * Specification 0.4, chapter 5; its structure is big-endian.
 */

export const FDT_MAGIC = 0xd00dfeed;
export const FDT_VERSION = 17;
/** The oldest version that a reader of what is written here must know. */
export const FDT_LAST_COMPATIBLE_VERSION = 16;
/** Ten 32-bit numbers. */
export const FDT_HEADER_SIZE = 40;

/** What a 32-bit number of the structure block starts. */
export const FdtToken = { beginNode: 1, endNode: 2, property: 3, nop: 4, end: 9 } as const;

/** The deepest node: the root is at 1. Enough for any tree of KHO and a bound for who walks one by recursion. */
export const FDT_MAX_DEPTH = 64;

/** A devicetree that does not follow the format, or lacks what the caller asked it for. */
export class FdtError extends Error {
  override readonly name = 'FdtError';
}

/** A node with all that is below it. */
export class FdtNode {
  /** The values are views of what was parsed: writing into them changes the tree in place. */
  readonly properties = new Map<string, Uint8Array>();
  readonly #children = new Map<string, FdtNode>();

  /** The root has the empty name. */
  constructor(readonly name: string) {}

  /** The nodes in this one, in the order of the tree. */
  get children(): FdtNode[] {
    return [...this.#children.values()];
  }

  /** Whether there are nodes in this one. */
  hasChildren(): boolean {
    return this.#children.size > 0;
  }

  /** The node of that name in this one. */
  child(name: string): FdtNode | undefined {
    return this.#children.get(name);
  }

  /** Adds a node whose name no other one in this one has. */
  addChild(node: FdtNode): void {
    this.#children.set(node.name, node);
  }
}

/** The specification has 31; this is a bound for the search of the end of a name. */
export const FDT_MAX_NAME = 255;

/** Whether the characters of a name are those that the specification (2.2.1) has for a node other than the root. */
export function isNodeName(name: string): boolean {
  return name.length <= FDT_MAX_NAME && /^[0-9a-zA-Z,._+@-]+$/.test(name);
}

/** Whether the characters of a name are those that the specification (2.2.4) has for a property. */
export function isPropertyName(name: string): boolean {
  return name.length <= FDT_MAX_NAME && /^[0-9a-zA-Z,._+?#-]+$/.test(name);
}

/**
 * A 64-bit property. KHO and LUO of Linux 6.18 write theirs in the byte order of the CPU, little-endian on all that
 * luo serves, and not big-endian as the specification has it.
 *
 * @throws FdtError where it is missing or not 8 bytes long
 */
export function propertyU64(node: FdtNode, name: string): bigint {
  const bytes = property(node, name);
  if (bytes.length !== 8) {
    throw new FdtError(`Cannot read property "${name}" as a 64-bit number: it has ${bytes.length} bytes`);
  }
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
}

/**
 * A property that is one string, ended by a zero byte.
 *
 * @throws FdtError where it is missing or something else
 */
export function propertyString(node: FdtNode, name: string): string {
  const bytes = property(node, name);
  if (bytes.length === 0 || bytes.indexOf(0) !== bytes.length - 1) {
    throw new FdtError(`Cannot read property "${name}" as a string: it must have one zero byte, at its end`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, -1));
  } catch {
    throw new FdtError(`Cannot read property "${name}" as a string: it is not UTF-8`);
  }
}

function property(node: FdtNode, name: string): Uint8Array {
  const bytes = node.properties.get(name);
  if (bytes === undefined) throw new FdtError(`Cannot find property "${name}" in node "${node.name}"`);
  return bytes;
}
