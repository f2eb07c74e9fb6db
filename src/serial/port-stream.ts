/** The bytes of a port, as the interface of `serialport` asks for them. */
import type { Socket } from 'node:net';
import { openByteStream } from '../host/byte-stream.js';
import { closedError, lostError } from './error.js';

/** Reads what has come, and waits for more by Node's event loop. */
export class PortStream {
  readonly #stream: Socket;
  readonly #path: string;
  /** What was read from the stream, and not asked for yet. */
  #rest: Buffer = Buffer.alloc(0);
  /** Why there will be no more. */
  #end: Error | undefined;
  /** Called at whatever may let a read or a write go on. */
  readonly #waiting = new Set<() => void>();
  /** How many reads and writes wait: without any, an open port does not keep a program from its end. */
  #pending = 0;

  constructor(fd: number, path: string) {
    this.#path = path;
    this.#stream = openByteStream(fd);
    const lost = () => {
      this.#end ??= lostError(path);
      this.#wake();
    };
    this.#stream
      .on('readable', () => this.#wake())
      .on('end', lost)
      .on('error', lost)
      .unref();
  }

  /** Why the port can be used no more, or undefined. */
  get end(): Error | undefined {
    return this.#end;
  }

  /** At least one byte, and at most `length`. @throws LuoPortError as soon as there will be none */
  async read(length: number): Promise<Buffer> {
    for (;;) {
      if (this.#rest.length === 0) this.#rest = this.#take();
      const bytes = this.#rest.subarray(0, length);
      this.#rest = this.#rest.subarray(bytes.length);
      if (bytes.length > 0) return bytes;
      if (this.#end !== undefined) throw this.#end;
      await this.#waitFor(new Promise<void>((resolve) => this.#waiting.add(resolve)));
    }
  }

  /** Until the kernel has all bytes. @throws LuoPortError where it will not take them */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#end !== undefined) throw this.#end;
    const result = await this.#waitFor(
      new Promise<Error | undefined>((resolve) => {
        this.#stream.write(bytes, (error) => resolve(error ?? undefined));
      }),
    );
    // A stream that is destroyed calls back as if all had been written.
    if (result !== undefined || this.#end !== undefined) throw this.#end ?? lostError(this.#path);
  }

  /** Drops what has come and was not asked for. */
  discardInput(): void {
    this.#rest = Buffer.alloc(0);
    this.#take();
  }

  /** Ends all reads and writes that wait. */
  async close(): Promise<void> {
    this.#end = closedError();
    this.#wake();
    if (this.#stream.closed) return;
    await new Promise<void>((resolve) => {
      this.#stream.once('close', () => resolve());
      this.#stream.destroy();
    });
  }

  async #waitFor<Result>(result: Promise<Result>): Promise<Result> {
    if (this.#pending++ === 0) this.#stream.ref();
    try {
      return await result;
    } finally {
      if (--this.#pending === 0) this.#stream.unref();
    }
  }

  #take(): Buffer {
    // Without an encoding, a socket gives buffers.
    return (this.#stream.read() as Buffer | null) ?? Buffer.alloc(0);
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }
}
