/**
 * Open files of the host that pass to the next kernel as they are: sockets with what is in their buffers, pipes, event
 * and timer descriptors, files with their position. The open file itself passes, so that all of its state does; nothing
 * is written down but the number of its entry in the descriptor table of the handover. That is why there is no `freeze`:
 * what anybody does to the file, a program or the other end, is done to the very file that the next kernel gets.
 */
import { KernelError } from '../error.js';
import type {
  FileHandler,
  FinishCall,
  PreserveCall,
  Preserved,
  PreservedCall,
  RetrieveCall,
} from '../liveupdate/handler.js';
import type { KernelModule, ModuleKernel } from '../module.js';
import { type File, HostFile } from './file.js';
import { type PassedKind, type PassedKindRules, rulesOfKind } from './passed-kinds.js';

/** What a kernel loads that preserves such files (`luo run --preserve sockets,pipes`). */
export function passedFilesModule(kinds: readonly PassedKind[]): KernelModule {
  return {
    name: 'passed-files',
    init(kernel) {
      for (const kind of kinds) kernel.registerFileHandler(new PassedFileHandler(kernel, rulesOfKind[kind]));
    },
  };
}

/** The handle of such a file is the number of its entry. Each open file is its own, also where two have one inode. */
class PassedFileHandler implements FileHandler<bigint> {
  readonly compatible: string;
  readonly #kernel: Pick<ModuleKernel, 'status' | 'descriptors'>;
  readonly #rules: PassedKindRules;

  constructor(kernel: ModuleKernel, rules: PassedKindRules) {
    this.compatible = rules.compatible;
    this.#kernel = kernel;
    this.#rules = rules;
  }

  canPreserve(file: File): boolean {
    return file instanceof HostFile && this.#rules.takes(this.#kernel.status(file));
  }

  preserve({ file }: PreserveCall): Preserved<bigint> {
    if (!(file instanceof HostFile))
      throw new TypeError(`Cannot preserve the ${file.description}: canPreserve was not asked`);
    const size = this.#sizeOf(file);
    const entry = this.#kernel.descriptors.preserve(file);
    return { serializedData: entry, privateData: entry, ...(size === undefined ? {} : { size }) };
  }

  unpreserve({ privateData }: PreservedCall<bigint>): void {
    this.#kernel.descriptors.unpreserve(privateData);
  }

  /** @throws KernelError EINVAL where the last kernel left no such entry */
  retrieve({ serializedData }: RetrieveCall): File {
    return this.#kernel.descriptors.restore(serializedData);
  }

  /** @throws KernelError EINVAL where the last kernel left no such entry */
  incomingFile({ serializedData }: RetrieveCall): File {
    const file = this.#kernel.descriptors.find(serializedData);
    if (file !== undefined) return file;
    throw new KernelError(
      'EINVAL',
      `Cannot find descriptor ${serializedData}: the last kernel left none of that number`,
    );
  }

  resume(call: RetrieveCall): void {
    this.retrieve(call).put();
  }

  /** What nobody asked for is closed. */
  finish({ serializedData, retrieved }: FinishCall): void {
    if (!retrieved) this.#kernel.descriptors.restore(serializedData).put();
  }

  incomingSize(serializedData: bigint): bigint | undefined {
    const file = this.#kernel.descriptors.find(serializedData);
    return file && this.#sizeOf(file);
  }

  #sizeOf(file: HostFile): bigint | undefined {
    return this.#rules.sized ? this.#kernel.status(file).size : undefined;
  }
}
