/**
 * Open files of the host that pass to the next kernel as they are: sockets with what is in their buffers, pipes, event
 * and timer descriptors, files with their position. The open file itself passes, so that all of its state does; nothing
 * is written down but the number of its entry in the descriptor table of the handover. Linux preserves none of them.
 */
import type { FileStatus } from '../hardware.js';
import type {
  FileHandler,
  FinishCall,
  PreserveCall,
  Preserved,
  PreservedCall,
  RetrieveCall,
} from '../liveupdate/handler.js';
import type { KernelModule, ModuleDescriptors, ModuleKernel } from '../module.js';
import { type File, HostFile } from './file.js';

/** Kinds of open files, as `--preserve` names them. */
export const passedKinds = ['sockets', 'pipes', 'eventfds', 'timerfds', 'files'] as const;
export type PassedKind = (typeof passedKinds)[number];

interface Rule {
  readonly compatible: string;
  takes(status: FileStatus): boolean;
}

const rules: Readonly<Record<PassedKind, Rule>> = {
  sockets: { compatible: 'socket-v1', takes: ({ type }) => type === 'socket' },
  pipes: { compatible: 'pipe-v1', takes: ({ type }) => type === 'pipe' },
  eventfds: { compatible: 'eventfd-v1', takes: ({ link }) => link === 'anon_inode:[eventfd]' },
  timerfds: { compatible: 'timerfd-v1', takes: ({ link }) => link === 'anon_inode:[timerfd]' },
  // A memfd has a handler of its own, and pages that may not move.
  files: {
    compatible: 'file-v1',
    takes: ({ type, kind, links }) => type === 'regular' && (kind === 'other' || links > 0),
  },
};

/** What a kernel loads that preserves such files (`luo run --preserve sockets,pipes`). */
export function passedFilesModule(kinds: readonly PassedKind[]): KernelModule {
  return {
    name: 'passed-files',
    init(kernel) {
      for (const kind of kinds) kernel.registerFileHandler(new PassedFileHandler(kernel, rules[kind]));
    },
  };
}

/** The handle of such a file is the number of its entry. */
class PassedFileHandler implements FileHandler<bigint> {
  readonly compatible: string;
  readonly #kernel: Pick<ModuleKernel, 'status'>;
  readonly #descriptors: ModuleDescriptors;
  readonly #takes: Rule['takes'];

  constructor(kernel: ModuleKernel, { compatible, takes }: Rule) {
    this.compatible = compatible;
    this.#kernel = kernel;
    this.#descriptors = kernel.descriptors;
    this.#takes = takes;
  }

  canPreserve(file: File): boolean {
    return file instanceof HostFile && this.#takes(this.#kernel.status(file));
  }

  preserve({ file }: PreserveCall): Preserved<bigint> {
    if (!(file instanceof HostFile))
      throw new TypeError(`Cannot preserve the ${file.description}: it is no file of the host`);
    const entry = this.#descriptors.preserve(file);
    return { serializedData: entry, privateData: entry };
  }

  unpreserve({ privateData }: PreservedCall<bigint>): void {
    this.#descriptors.unpreserve(privateData);
  }

  /** @throws KernelError EINVAL where the last kernel left no such entry */
  retrieve({ serializedData }: RetrieveCall): File {
    return this.#descriptors.restore(serializedData);
  }

  /** What nobody asked for is closed. */
  finish({ serializedData, retrieved }: FinishCall): void {
    if (!retrieved) this.#descriptors.restore(serializedData).put();
  }
}
