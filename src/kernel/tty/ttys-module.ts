import { KernelError } from '../error.js';
import { type File, HostFile } from '../fs/file.js';
import type { SerialHardware } from '../hardware.js';
import type { Flb } from '../liveupdate/flb.js';
import type {
  FileHandler,
  FinishCall,
  PreserveCall,
  Preserved,
  PreservedCall,
  RetrieveCall,
} from '../liveupdate/handler.js';
import type { KernelModule, ModuleKernel } from '../module.js';
import type { TtyRecord } from './tty-record.js';
import { TtysFlb, type TtyTable } from './tty-table.js';
import type { Ttys } from './ttys.js';

/** What the handler knows of a preserved tty. */
interface PreservedTty {
  readonly name: string;
  readonly entry: bigint;
}

/**
 * What a kernel loads that preserves ttys (`luo run --preserve ttys`): a handler, and its FLB. The open file passes as
 * it is, so that the port is never closed; what the drivers know of it passes beside it, so that no line moves.
 */
export function ttysModule(ttys: Ttys, serial: SerialHardware | undefined): KernelModule {
  return {
    name: 'ttys',
    init(kernel) {
      const flb = kernel.initFlb(new TtysFlb(kernel.kho));
      const handler = new TtyHandler(kernel, flb, ttys, serial);
      kernel.registerFileHandler(handler);
      kernel.registerFlb(handler, flb);
      ttys.preserved = () => incoming(kernel, flb);
    },
  };
}

/** What the last kernel left. */
function incoming(kernel: ModuleKernel, flb: Flb<TtyTable>): TtyRecord[] {
  try {
    return kernel.flbIncoming(flb, ({ object }) => object.all);
  } catch (error) {
    if (error instanceof KernelError && (error.code === 'ENODATA' || error.code === 'ENOENT')) return [];
    throw error;
  }
}

class TtyHandler implements FileHandler<PreservedTty> {
  readonly compatible = 'tty-v1';
  readonly #kernel: ModuleKernel;
  readonly #flb: Flb<TtyTable>;
  readonly #ttys: Ttys;
  readonly #serial: SerialHardware | undefined;

  constructor(kernel: ModuleKernel, flb: Flb<TtyTable>, ttys: Ttys, serial: SerialHardware | undefined) {
    this.#kernel = kernel;
    this.#flb = flb;
    this.#ttys = ttys;
    this.#serial = serial;
  }

  canPreserve(file: File): boolean {
    return this.#nameOf(file) !== undefined;
  }

  /** A tty is one thing, however often it is open. */
  identity(file: File): string {
    return `tty ${this.#nameOf(file)}`;
  }

  /** @throws KernelError ENODEV, ENAMETOOLONG, ENOSPC where too many are preserved */
  preserve({ file }: PreserveCall): Preserved<PreservedTty> {
    const name = this.#nameOf(file);
    // The machine's ports may be unplugged at any time.
    if (name === undefined || !(file instanceof HostFile)) {
      throw new KernelError('ENODEV', `Cannot preserve the ${file.description}: it is a serial port no more`);
    }
    const entry = this.#kernel.descriptors.preserve(file);
    try {
      const serializedData = this.#outgoing((table) => table.add(this.#record(name, entry)));
      return { serializedData, privateData: { name, entry } };
    } catch (error) {
      this.#kernel.descriptors.unpreserve(entry);
      throw error;
    }
  }

  unpreserve({ serializedData, privateData }: PreservedCall<PreservedTty>): void {
    this.#outgoing((table) => table.remove(serializedData));
    this.#kernel.descriptors.unpreserve(privateData.entry);
  }

  /** Programs may have changed the settings since. */
  freeze({ serializedData, privateData: { name, entry } }: PreservedCall<PreservedTty>): undefined {
    this.#outgoing((table) => table.write(serializedData, this.#record(name, entry)));
  }

  /** @throws KernelError EINVAL where what the last kernel left does not hold together */
  retrieve({ serializedData }: RetrieveCall): File {
    const { entry } = this.#kernel.flbIncoming(this.#flb, ({ object }) => object.at(serializedData));
    return this.#kernel.descriptors.restore(entry);
  }

  /** A tty that nobody asked for is closed, also one whose record does not hold together. */
  finish({ retrieved, serializedData }: FinishCall): void {
    if (retrieved) return;
    const entry = this.#kernel.flbIncoming(this.#flb, ({ object }) => object.entryAt(serializedData));
    this.#kernel.descriptors.restore(entry).put();
  }

  #nameOf(file: File): string | undefined {
    return file instanceof HostFile ? this.#serial?.nameOf(file.descriptor) : undefined;
  }

  #record(name: string, entry: bigint): TtyRecord {
    const tty = this.#ttys.get(name);
    // A port that was unplugged or hung up meanwhile is closed, whoever still has its open file.
    return { name, entry, state: tty?.isOpen ? tty.state : undefined };
  }

  #outgoing<Result>(use: (table: TtyTable) => Result): Result {
    return this.#kernel.flbOutgoing(this.#flb, ({ object }) => use(object));
  }
}
