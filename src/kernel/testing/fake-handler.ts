import type { KernelError } from '../error.js';
import { type File, HostFile } from '../fs/file.js';
import type { FileHandler, IncomingFile, PreservedFile } from '../liveupdate/handler.js';
import type { FakeHost } from './fake-host.js';

/** A handler for tests: takes files of kind `other`, writes down every call, and fails where it is told to. */
export class FakeHandler implements FileHandler {
  readonly calls: string[] = [];
  /** By the call as it is written down, such as `freeze 2`: what it throws. */
  readonly failures = new Map<string, KernelError>();
  /** The handles of files that cannot be finished. */
  readonly unfinished = new Set<bigint>();
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
    return file instanceof HostFile && this.host().status(file.descriptor).kind === 'other';
  }

  preserve(_file: File): PreservedFile {
    const data = this.#nextHandle;
    this.#call(`preserve ${data}`);
    this.#nextHandle += 1n;
    return {
      data,
      unpreserve: () => this.#call(`unpreserve ${data}`),
      freeze: () => this.#call(`freeze ${data}`),
      unfreeze: () => this.#call(`unfreeze ${data}`),
    };
  }

  incoming(data: bigint): IncomingFile {
    return {
      retrieve: () => {
        this.#call(`retrieve ${data}`);
        return this.restore(data);
      },
      canFinish: () => {
        this.#call(`can-finish ${data}`);
        return !this.unfinished.has(data);
      },
      finish: (retrieved) => this.#call(`finish ${data}${retrieved ? '' : ' unretrieved'}`),
    };
  }

  #call(call: string): void {
    this.calls.push(call);
    const failure = this.failures.get(call);
    if (failure) throw failure;
  }
}
