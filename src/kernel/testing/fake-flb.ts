import type { KernelError } from '../error.js';
import type { FlbOperations, PreservedObject } from '../liveupdate/flb.js';

/** What `FakeFlb` shares between files. */
export interface FakeShared {
  readonly text: string;
}

/** An FLB for tests: writes down every call, and fails where it is told to. */
export class FakeFlb implements FlbOperations<FakeShared> {
  /** By the call as it is written down, such as `preserve a-v1`: what it throws. */
  readonly failures = new Map<string, KernelError>();
  /** What is done within a call, by the call as it is written down. */
  readonly within = new Map<string, () => void>();

  /**
   * @param calls what calls are added to
   * @param data the handle for the next kernel
   */
  constructor(
    readonly compatible: string,
    readonly calls: string[] = [],
    readonly data = 0x1234n,
  ) {}

  preserve(): PreservedObject<FakeShared> {
    this.#call(`preserve ${this.compatible}`);
    return { data: this.data, object: { text: 'preserved' } };
  }

  unpreserve({ data, object }: PreservedObject<FakeShared>): void {
    this.#call(`unpreserve ${this.compatible}`, ` 0x${data.toString(16)} ${object.text}`);
  }

  retrieve({ data }: { readonly data: bigint }): FakeShared {
    this.#call(`retrieve ${this.compatible}`, ` 0x${data.toString(16)}`);
    return { text: 'retrieved' };
  }

  finish({ object }: { readonly object: FakeShared }): void {
    this.#call(`finish ${this.compatible}`, ` ${object.text}`);
  }

  #call(call: string, details = ''): void {
    this.calls.push(call + details);
    this.within.get(call)?.();
    const failure = this.failures.get(call);
    if (failure) throw failure;
  }
}
