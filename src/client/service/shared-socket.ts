import type { ListenOptions, Server } from 'node:net';
import { acceptFrom, type Handle } from './handles.js';
import { connectionSession } from './names.js';
import { ofLuo, type PrimaryMessage, SHARING_PRIMARY, type WorkerMessage } from './shared-protocol.js';
import { warnOnce } from './warn.js';

interface Answer {
  readonly message: PrimaryMessage;
  readonly handle: Handle | undefined;
}

/** The listening socket of a worker: the primary has it, for all workers. */
export class SharedSocket {
  readonly isTakenOver: boolean;
  /** The sessions of the connections that this worker takes over. */
  readonly left: readonly string[];
  /** The session of those that it hands over. */
  readonly own: string;
  readonly #name: string;
  readonly #options: ListenOptions;
  #first: Handle | undefined;

  private constructor(name: string, options: ListenOptions, { message, handle }: Answer) {
    const { slot = 0, left = [], isTakenOver = false } = message;
    this.isTakenOver = isTakenOver;
    this.left = left.map((one) => connectionSession(name, one));
    this.own = connectionSession(name, slot);
    this.#name = name;
    this.#options = options;
    this.#first = handle;
  }

  /**
   * Asks the primary.
   *
   * @returns undefined where it shares none
   */
  static async open(name: string, options: ListenOptions): Promise<SharedSocket | undefined> {
    if (process.env[SHARING_PRIMARY] !== String(process.ppid)) {
      warnOnce(
        'Sockets of this worker do not pass: call shareListeners() of luo in its primary, before cluster.fork()',
      );
      return undefined;
    }
    const answer = await ask({ luo: 'listen', name, options });
    return answer === undefined ? undefined : new SharedSocket(name, options, answer);
  }

  async start(server: Server): Promise<void> {
    // As Node does for the servers of a worker that it knows of.
    if (this.#first !== undefined) process.once('disconnect', () => server.close());
    const handle = this.#first ?? (await ask({ luo: 'again', name: this.#name, options: this.#options }))?.handle;
    this.#first = undefined;
    if (handle === undefined) throw new Error(`Cannot listen: the primary of this worker has no socket any more`);
    await acceptFrom(server, handle, this.#options.backlog);
  }

  close(): void {
    if (process.connected) say({ luo: 'close', name: this.#name, options: {} });
  }
}

/** @throws Error where the primary could not bind */
function ask(request: WorkerMessage): Promise<Answer | undefined> {
  return new Promise((resolve, reject) => {
    const settle = (received: unknown, handle: unknown) => {
      const message = ofLuo<PrimaryMessage>(received);
      if (message?.name !== request.name) return;
      process.off('message', settle);
      const { luo, error = '', code } = message;
      if (luo === 'failed') reject(Object.assign(new Error(error), code === undefined ? {} : { code }));
      // The primary sends nothing else.
      else resolve(luo === 'none' ? undefined : { message, handle: handle as Handle | undefined });
    };
    process.on('message', settle);
    say(request);
  });
}

function say(message: WorkerMessage): void {
  process.send?.(message);
}
