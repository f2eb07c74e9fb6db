import type { KernelError } from '../error.js';
import { type File, HostFile } from '../fs/file.js';
import type { FileHandler, FinishCall, Preserved, PreservedCall, RetrieveCall } from '../liveupdate/handler.js';
import type { KernelModule } from '../module.js';
import type { FakeHost } from './fake-host.js';

/** A module that has one handler and nothing else. */
export function handlerModule(handler: FileHandler): KernelModule {
  return { name: handler.compatible, init: (kernel) => kernel.registerFileHandler(handler) };
}

/** A handler for tests: takes files of kind `other`, writes down every call, and fails where it is told to. */
export class FakeHandler implements FileHandler<string> {
  readonly calls: string[] = [];
  /** By the call as it is written down, such as `freeze 2`: what it throws. */
  readonly failures = new Map<string, KernelError>();
  /** The handles of files that cannot be finished. */
  readonly unfinished = new Set<bigint>();
  /** The handles that `freeze` exchanges for others. */
  readonly moved = new Map<bigint, bigint>();
  /** Takes files of this link only, where it is set. */
  link: string | undefined;
  #nextHandle = 1n;

  /**
   * @param host tells where the files are
   * @param restore makes a file again
   */
  constructor(
    readonly host: () => FakeHost,
    readonly restore: (data: bigint) => File,
    readonly compatible = 'fake-v1',
  ) {}

  canPreserve(file: File): boolean {
    if (!(file instanceof HostFile)) return false;
    const { kind, link } = this.host().status(file.descriptor);
    return kind === 'other' && (this.link === undefined || link === this.link);
  }

  preserve(): Preserved<string> {
    const serializedData = this.#nextHandle;
    this.#call(`preserve ${serializedData}`);
    this.#nextHandle += 1n;
    return { serializedData, privateData: `private ${serializedData}` };
  }

  unpreserve({ serializedData }: PreservedCall<string>): void {
    this.#call(`unpreserve ${serializedData}`);
  }

  freeze({ serializedData }: PreservedCall<string>): bigint | undefined {
    this.#call(`freeze ${serializedData}`);
    return this.moved.get(serializedData);
  }

  unfreeze({ serializedData }: PreservedCall<string>): void {
    this.#call(`unfreeze ${serializedData}`);
  }

  retrieve({ serializedData }: RetrieveCall): File {
    this.#call(`retrieve ${serializedData}`);
    return this.restore(serializedData);
  }

  canFinish({ serializedData }: FinishCall): boolean {
    this.#call(`can-finish ${serializedData}`);
    return !this.unfinished.has(serializedData);
  }

  finish({ serializedData, retrieved }: FinishCall): void {
    this.#call(`finish ${serializedData}${retrieved ? '' : ' unretrieved'}`);
  }

  #call(call: string): void {
    this.calls.push(call);
    const failure = this.failures.get(call);
    if (failure) throw failure;
  }
}
