import type { KhoVmalloc } from '../kho/kho-vmalloc.js';
import { type PageFrameNumber, pagesFor } from '../units.js';
import type { FolioLayout } from './memfd-folios.js';

/** A memfd as it is handed over. */
export interface MemfdRecord {
  /** The position in the file, in bytes. */
  readonly position: bigint;
  /** In bytes. */
  readonly size: bigint;
  /** The `F_SEAL_*` bits when the file was preserved; 0 where the format has no place for them. */
  readonly seals: number;
  /**
   * Where page 0 of the file lies in the physical address space. Undefined where the first folio tells it, and where
   * nothing does: Linux has no use for it.
   */
  readonly region: PageFrameNumber | undefined;
  readonly folioCount: bigint;
  /** The array of folios, whose entries are laid out as `MemfdFormat.folios` says. Undefined where there is none. */
  readonly folios: KhoVmalloc | undefined;
  /** The order that every folio has, where the file consists of huge pages. */
  readonly order?: number | undefined;
}

/** How the state of a memfd is written into the page that its handle is the address of. */
export interface MemfdFormat {
  /** The name of the file handler that writes it. */
  readonly compatible: string;
  /** How an entry of the array of folios is laid out. */
  readonly folios: FolioLayout;
  /** At most a page. The region is in it only where there is no folio. */
  encode(record: MemfdRecord & { readonly region: PageFrameNumber }): Uint8Array;
  /** @throws KernelError EINVAL where the bytes are no such state */
  decode(bytes: Uint8Array): MemfdRecord;
}

/** The pages of address space that a file of `size` bytes takes. An empty one has a place, too, to be found by. */
export function regionPages(size: bigint): number {
  return Math.max(pagesFor(Number(size)), 1);
}
