import type { OpenFiles } from '../fs/file.js';
import type { FileHardware } from '../hardware.js';
import type { Kho } from '../kho/kho.js';
import type { Regions } from './region.js';
import type { ShmemInodes } from './shmem.js';

/** What of the profile concerns a memfd. */
export interface MemfdRules {
  readonly maximumPages: number;
  readonly refusesUnknownSeals: boolean;
}

/** The parts of a kernel that a memfd is preserved with. */
export interface MemoryManagement {
  readonly kho: Kho;
  readonly hardware: FileHardware;
  readonly files: OpenFiles;
  readonly inodes: ShmemInodes;
  readonly regions: Regions;
  readonly rules: MemfdRules;
  /** Whether files come back just as Linux makes them, even where that takes a copy of their content. */
  readonly strict: boolean;
}
