import { F_SEAL_EXEC, F_SEAL_WRITE } from '../../uapi/fcntl.js';
import { KernelError } from '../error.js';
import type { Descriptor, FileHardware } from '../hardware.js';
import { PAGE_SIZE } from '../units.js';

/** What of the profile concerns frozen files. */
export interface ShmemRules {
  readonly allowsResizeToSameSize: boolean;
}

interface ShmemInode {
  frozen: boolean;
  /** An open file for each time that the pages are pinned. */
  readonly pins: Descriptor[];
}

/**
 * The shmem inodes that are not like others now: their mapping is frozen, so that no page comes or goes
 * (`SHMEM_F_MAPPING_FROZEN`, patch 14 of the v5 series), or their pages are pinned.
 *
 * An inode is known by its identity as the hardware has it. One that is preserved is held open, so that its identity
 * cannot pass to another file.
 */
export class ShmemInodes {
  readonly #inodes = new Map<string, ShmemInode>();

  constructor(
    readonly hardware: FileHardware,
    readonly rules: ShmemRules,
  ) {}

  get anyFrozen(): boolean {
    for (const { frozen } of this.#inodes.values()) {
      if (frozen) return true;
    }
    return false;
  }

  /** The inodes that are frozen or pinned, to look for leaks. */
  get known(): Iterable<string> {
    return this.#inodes.keys();
  }

  isFrozen(inode: string): boolean {
    return this.#inodes.get(inode)?.frozen ?? false;
  }

  /** Freezes the mapping. It is a flag: one `unfreeze` takes back any number of these (patch 14). */
  freeze(inode: string): void {
    this.#at(inode).frozen = true;
  }

  unfreeze(inode: string): void {
    this.#at(inode).frozen = false;
    this.#forget(inode);
  }

  /** Pins the pages, so that nobody else may rely on being the only one who can write them. */
  pin(inode: string, descriptor: Descriptor): void {
    this.#at(inode).pins.push(descriptor);
  }

  unpin(inode: string, descriptor: Descriptor): void {
    const { pins } = this.#at(inode);
    const i = pins.indexOf(descriptor);
    if (i < 0) throw new Error(`Cannot unpin inode ${inode}: it is not pinned through descriptor ${descriptor}`);
    pins.splice(i, 1);
    this.#forget(inode);
  }

  /** @throws KernelError EPERM where a file of that size cannot be given the other one */
  checkResize(inode: string, oldSize: bigint, newSize: bigint): void {
    if (!this.isFrozen(inode)) return;
    if (oldSize === newSize && this.rules.allowsResizeToSameSize) return;
    throw new KernelError('EPERM', `Cannot resize inode ${inode} from ${oldSize} to ${newSize} bytes: ${FROZEN}`);
  }

  /** @throws KernelError EPERM while frozen, whatever the range and mode */
  checkFallocate(inode: string): void {
    if (!this.isFrozen(inode)) return;
    throw new KernelError('EPERM', `Cannot allocate or free pages of inode ${inode}: ${FROZEN}`);
  }

  /**
   * How many bytes of a write go through. Linux writes page by page and refuses the first part that ends after the
   * end of a frozen file (measured on Linux 7.3).
   *
   * @returns 0 where the write fails with EPERM, unless it was one of 0 bytes
   */
  writableBytes(inode: string, position: bigint, length: bigint, size: bigint): bigint {
    if (!this.isFrozen(inode) || position + length <= size) return length;
    const wholePages = size - (size % BigInt(PAGE_SIZE));
    return wholePages > position ? wholePages - position : 0n;
  }

  /**
   * @param executable whether the file has an execute bit: sealing that bit seals such a file against writing, too
   * @throws KernelError EBUSY where the seals are to stop all writing and the pages are pinned (measured)
   */
  checkAddSeals(inode: string, seals: number, executable: boolean): void {
    const descriptor = this.#inodes.get(inode)?.pins[0];
    if (descriptor === undefined) return;
    const stopsWriting = (seals & F_SEAL_WRITE) !== 0 || (executable && (seals & F_SEAL_EXEC) !== 0);
    if (!stopsWriting || (this.hardware.seals(descriptor) & F_SEAL_WRITE) !== 0) return;
    throw new KernelError('EBUSY', `Cannot seal inode ${inode} against writing: its pages are pinned while preserved`);
  }

  #at(inode: string): ShmemInode {
    const known = this.#inodes.get(inode);
    if (known !== undefined) return known;
    const added: ShmemInode = { frozen: false, pins: [] };
    this.#inodes.set(inode, added);
    return added;
  }

  #forget(inode: string): void {
    const known = this.#inodes.get(inode);
    if (known === undefined || known.frozen || known.pins.length > 0) return;
    this.#inodes.delete(inode);
  }
}

const FROZEN = 'it is frozen until the session that preserves it is closed';
