/** The process that hosts the machines of a test, one after the other. */
import { Socket } from 'node:net';
import { ignoreSignal } from '../host/libc.js';
import { becomeSubreaper, type Exit } from '../host/processes.js';
import type { Outcome } from '../machine/config.js';
import { readLines } from '../machine/json-lines.js';
import { Machine } from '../machine/machine.js';
import { endProcesses } from '../machine/process-tree.js';
import { writeAll } from '../machine/write-all.js';
import { removeTree } from './remove-tree.js';
import {
  type Border,
  borders,
  WORKER_EVENTS,
  WORKER_SOCKET,
  type WorkerNote,
  type WorkerRequest,
} from './worker-protocol.js';

type RunRequest = Extract<WorkerRequest, { request: 'run' }>;

/** How long programs of the last stage are given after SIGTERM, where that stage is to end. Milliseconds. */
const LAST_WORDS = 2000;

const SIGTTOU = 22;

const socket = new Socket({ fd: WORKER_SOCKET });
let current: Run | undefined;

becomeSubreaper();
ignoreSignal(SIGTTOU);
readLines(socket, (message) => {
  // Only the process that tests has the other end.
  receive(message as WorkerRequest);
});
socket.on('error', () => {});
// The test is over, or was killed.
socket.on('close', () => (current === undefined ? process.exit(0) : current.abort('the test was killed')));

function receive(message: WorkerRequest): void {
  switch (message.request) {
    case 'run':
      current = new Run(message);
      current.toItsEnd().then((outcome) => {
        current = undefined;
        if (socket.destroyed) cleanUp(message);
        mark(message.mark, 'over');
        tell({ event: 'over', outcome });
      });
      return;
    case 'proceed':
      current?.proceed(message.program);
      return;
    case 'abort':
      current?.abort(message.reason);
  }
}

/** Nobody else is there to do it. */
function cleanUp({ config }: RunRequest): never {
  removeTree(config.directory);
  process.exit(0);
}

/** All that comes after it in the output is of the program that begins. */
function mark(text: string, border: Border): void {
  writeAll(1, `${text}${borders[border]}`);
}

function tell(note: WorkerNote): void {
  writeAll(WORKER_EVENTS, `${JSON.stringify(note)}\n`);
}

/** A machine that goes through the stages. */
class Run {
  readonly #machine: Machine;
  readonly #request: RunRequest;
  /** The stage that runs, from 1. */
  #stage = 0;
  /** How many programs have begun. */
  #programs = 0;
  /** How the program that runs ends means nothing any more. */
  #isLeaving = false;
  #restarts = 0;
  #refusals = 0;

  constructor(request: RunRequest) {
    this.#request = request;
    this.#machine = new Machine(request.config, {
      begun: (_listener, generation) => this.#begun(generation),
      started() {},
      exited: (exit) => this.#exited(exit),
      commandOf: (generation) => request.stages[Math.min(generation, request.stages.length) - 1],
    });
  }

  async toItsEnd(): Promise<Outcome> {
    try {
      return await this.#machine.run();
    } catch (error) {
      // It did not come to end its programs itself.
      endProcesses(new Set());
      return { failure: error instanceof Error ? error.message : String(error) };
    }
  }

  /** Into the next stage, or to the end; nothing where another program runs by now. */
  proceed(program: number): void {
    if (program !== this.#programs || this.#isLeaving) return;
    this.#isLeaving = true;
    tell({ event: 'matched', stage: this.#stage });
    if (this.#isLast) this.#machine.stop(LAST_WORDS);
    else this.#kexec();
  }

  abort(reason: string): void {
    this.#machine.abort(reason);
  }

  get #isLast(): boolean {
    return this.#stage >= this.#request.stages.length;
  }

  /** Each generation is a stage. */
  #begun(generation: number): void {
    if (generation > this.#request.stages.length) {
      // The last stage asked for a kexec, too: it is over, and nothing comes after it.
      this.#isLeaving = true;
      queueMicrotask(() => this.#machine.stop(0));
      return;
    }
    const isRestart = generation === this.#stage;
    this.#stage = generation;
    mark(this.#request.mark, isRestart ? 'again' : 'next');
    if (isRestart) tell({ event: 'restart' });
    this.#programs += 1;
    this.#isLeaving = false;
    // What the next stage starts with gets ready while this one runs.
    if (!this.#isLast) queueMicrotask(() => this.#machine.imageLoaded());
  }

  #exited({ code }: Exit): void {
    if (this.#isLeaving) return;
    if (code === 0) {
      if (this.#isLast) this.#machine.stop(0);
      else this.#kexec();
    } else if (this.#restarts < this.#request.retries) {
      this.#restarts += 1;
      this.#machine.proceed('resume', (error) => this.#machine.abort(error.message));
    } else this.#machine.stop(0);
  }

  #kexec(): void {
    this.#machine.proceed('kexec', (error) => {
      tell({ event: 'refused', reason: error.message });
      this.#refusals += 1;
      if (this.#refusals > this.#request.retries) this.#machine.abort(error.message);
      else this.#kexec();
    });
  }
}
