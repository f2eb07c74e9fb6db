import { KernelError } from '../error.js';
import { type File, HostFile } from '../fs/file.js';
import type { Folio } from '../kho/folio.js';
import type { Flb, FlbOperations, PreservedObject } from '../liveupdate/flb.js';
import type {
  FileHandler,
  FinishCall,
  PreserveCall,
  Preserved,
  PreservedCall,
  RetrieveCall,
} from '../liveupdate/handler.js';
import { restorePreserved } from '../liveupdate/restore.js';
import type { KernelModule, ModuleKernel } from '../module.js';

/** What the next kernel finds in the page of each FLB. */
export const SHARED_TEXT = 'shared by all files';

/** What a module has in one kernel. */
export interface Loaded {
  readonly kernel: ModuleKernel;
  readonly flbs: readonly Flb<Folio>[];
}

/**
 * A module as authors write it, for tests: files of kind `other` pass to the next kernel as they are, and depend on
 * FLBs that have a page of RAM each.
 */
export class PassingModule implements KernelModule {
  readonly name = 'passing';
  /** For each kernel that it was loaded into. */
  readonly loaded: Loaded[] = [];
  readonly #flbNames: readonly string[];

  constructor(...flbNames: string[]) {
    this.#flbNames = flbNames;
  }

  init(kernel: ModuleKernel): void {
    const handler = new PassingHandler(kernel);
    kernel.registerFileHandler(handler);
    const flbs = this.#flbNames.map((name) => kernel.initFlb(new PageFlb(kernel, name)));
    for (const flb of flbs) kernel.registerFlb(handler, flb);
    this.loaded.push({ kernel, flbs });
  }
}

/** Its files pass as they are: the handle is the number in the table of descriptors. */
class PassingHandler implements FileHandler<bigint> {
  readonly compatible = 'passing-v1';
  readonly #kernel: ModuleKernel;

  constructor(kernel: ModuleKernel) {
    this.#kernel = kernel;
  }

  canPreserve(file: File): boolean {
    return file instanceof HostFile && this.#kernel.status(file).kind === 'other';
  }

  identity(file: File): string {
    return file instanceof HostFile ? `inode ${this.#kernel.status(file).inode}` : file.description;
  }

  preserve({ file }: PreserveCall): Preserved<bigint> {
    if (!(file instanceof HostFile)) throw new TypeError(`Cannot preserve the ${file.description}`);
    const entry = this.#kernel.descriptors.preserve(file);
    return { serializedData: entry, privateData: entry };
  }

  unpreserve({ privateData }: PreservedCall<bigint>): void {
    this.#kernel.descriptors.unpreserve(privateData);
  }

  freeze(): undefined {}

  retrieve({ serializedData }: RetrieveCall): File {
    return this.#kernel.descriptors.restore(serializedData);
  }

  canFinish(): boolean {
    return true;
  }

  finish({ serializedData, retrieved }: FinishCall): void {
    if (retrieved) return;
    try {
      this.#kernel.descriptors.restore(serializedData).put();
    } catch (error) {
      // There is nothing to let go of.
      if (!(error instanceof KernelError)) throw error;
    }
  }
}

/** An FLB whose object is a page of RAM with a text in it. */
class PageFlb implements FlbOperations<Folio> {
  readonly #kernel: ModuleKernel;

  constructor(
    kernel: ModuleKernel,
    readonly compatible: string,
  ) {
    this.#kernel = kernel;
  }

  preserve(): PreservedObject<Folio> {
    const { kho } = this.#kernel;
    const page = kho.memory.allocateFolio(0);
    kho.preserveFolio(page.pfn, page.order);
    page.bytes.set(new TextEncoder().encode(SHARED_TEXT));
    return { data: BigInt(page.address), object: page };
  }

  unpreserve({ object: page }: PreservedObject<Folio>): void {
    this.#kernel.kho.unpreserveFolio(page.pfn, page.order);
    page.put();
  }

  retrieve({ data }: { readonly data: bigint }): Folio {
    return restorePreserved(this.#kernel.kho, data, `the FLB "${this.compatible}"`);
  }

  finish({ object: page }: { readonly object: Folio }): void {
    page.put();
  }
}

/** The text in the page of an FLB. */
export function textOf(page: Folio): string {
  return new TextDecoder().decode(page.bytes.subarray(0, page.bytes.indexOf(0)));
}
