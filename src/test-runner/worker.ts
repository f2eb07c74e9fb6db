import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { close, pipe } from '../host/descriptors.js';
import type { Command } from '../machine/command.js';
import type { MachineConfig } from '../machine/config.js';
import { writeLine } from '../machine/json-lines.js';
import { descendants } from '../machine/process-tree.js';
import { Output } from './output.js';
import type { Job } from './plan.js';
import type { Interruption, Recording } from './recording.js';
import { removeTree } from './remove-tree.js';
import { WORKER_EVENTS, WORKER_SOCKET, type WorkerEvent, type WorkerRequest } from './worker-protocol.js';

const program = fileURLToPath(new URL('./worker-main.js', import.meta.url));

/** How many machines one worker hosts: each leaves a little of its memory behind. */
const MOST_RUNS = 40;

/** How long a worker may take to end a run that it was told to end, in milliseconds. */
const ABORT_LIMIT = 3000;

/** How often processes are counted, in milliseconds, and how many of one run are too many. */
const COUNT_INTERVAL = 250;
const MOST_PROCESSES = 500;

/** A process that hosts machines, one run after the other. */
export class Worker {
  readonly #child: ChildProcess;
  readonly #socket: Socket;
  readonly #output: Socket;
  readonly #events: Socket;
  /** All of the worker is over, and its descriptors are closed. */
  readonly closed: Promise<void>;
  #run: Run | undefined;
  #runs = 0;
  #hasExited = false;

  /** @param exited called when the process has ended: what it leaves must be ended then */
  constructor(exited: (pid: number) => void) {
    const [output, theirOutput] = pipe();
    const [events, theirEvents] = pipe();
    this.#child = spawn(process.execPath, [program], {
      // A session of its own: no key of a terminal reaches the programs.
      detached: true,
      stdio: ['ignore', theirOutput, theirOutput, 'pipe', theirEvents],
    });
    close(theirOutput);
    close(theirEvents);
    const socket = this.#child.stdio[WORKER_SOCKET];
    if (!(socket instanceof Socket)) throw new Error('Cannot talk to a worker: Node made no socket for it');
    this.#socket = socket;
    this.#output = new Socket({ fd: output, readable: true, writable: false });
    this.#events = new Socket({ fd: events, readable: true, writable: false });
    for (const one of [this.#socket, this.#output, this.#events]) one.on('error', () => {});
    this.#output.on('data', (bytes: Buffer) => this.#run?.output.append(bytes)).on('data', () => this.#check());
    readEvents(this.#events, (event) => {
      this.#run?.observe(event);
      this.#check();
    });
    const ends = [this.#output, this.#events].map((one) => new Promise<void>((done) => one.on('close', () => done())));
    const exit = new Promise<void>((done) => {
      this.#child.on('error', () => done());
      this.#child.on('exit', () => {
        this.#hasExited = true;
        exited(this.pid);
        done();
      });
    });
    this.closed = Promise.all([exit, ...ends]).then(() => {
      this.#socket.destroy();
      this.#run?.lost();
      this.#run = undefined;
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get hasExited(): boolean {
    return this.#hasExited;
  }

  /** Whether it can host another run. */
  get isFit(): boolean {
    return !this.#hasExited && this.#runs < MOST_RUNS;
  }

  /** Runs a job to its end. One at a time. */
  async run(job: Job): Promise<Recording> {
    this.#runs += 1;
    const directory = mkdtempSync(join(tmpdir(), 'luo-test-run-'));
    const mark = `\0luo ${randomBytes(12).toString('hex')} `;
    try {
      return await new Promise<Recording>((resolve) => {
        this.#run = new Run(job, mark, {
          send: (request) => writeLine(this.#socket, request),
          kill: () => this.#child.kill('SIGKILL'),
          countProcesses: () => descendants(this.pid).length,
          resolve,
        });
        if (this.#hasExited) this.#run.lost();
        else this.#run.begin(job, directory, mark);
      });
    } finally {
      removeTree(directory);
    }
  }

  /** Ends the run, where there is one: its recording has what happened until then. */
  interrupt(): void {
    this.#run?.interrupt({ by: 'person' });
  }

  /** Ends the process, when it hosts no run. */
  end(): void {
    this.#socket.destroy();
  }

  #check(): void {
    if (this.#run?.endIfOver() === true) this.#run = undefined;
  }
}

interface Reach {
  send(request: WorkerRequest): void;
  kill(): void;
  countProcesses(): number;
  resolve(recording: Recording): void;
}

/** A job on a worker. */
class Run {
  readonly output: Output;
  readonly events: WorkerEvent[] = [];
  readonly #job: Job;
  readonly #reach: Reach;
  readonly #startedAt = performance.now();
  readonly #matched = new Set<number>();
  /** The program whose line matched last, from 1. */
  #matchedProgram = 0;
  readonly #until: RegExp | undefined;
  #stage = 1;
  #interruption: Interruption | undefined;
  #stageTimer: NodeJS.Timeout | undefined;
  #killTimer: NodeJS.Timeout | undefined;
  readonly #counter: NodeJS.Timeout;

  constructor(job: Job, mark: string, reach: Reach) {
    this.#job = job;
    this.#reach = reach;
    this.#until = job.plan.until === undefined ? undefined : new RegExp(job.plan.until);
    this.output = new Output(mark, (line, _stage, index) => this.#match(line, index));
    this.#counter = setInterval(() => this.#count(), COUNT_INTERVAL);
  }

  begin(job: Job, directory: string, mark: string): void {
    const temporary = join(directory, 'tmp');
    mkdirSync(temporary);
    // Runs at the same time must not find each other's files.
    const stages = job.plan.stages.map(({ env, ...command }) => {
      // Programs take the first one that they find.
      return { ...command, env: [...env.filter((one) => !one.startsWith('TMPDIR=')), `TMPDIR=${temporary}`] };
    });
    const config = configure(job, directory, stages);
    this.#startStage(1);
    this.#reach.send({ request: 'run', config, stages, retries: job.fault === undefined ? 0 : 1, mark });
  }

  observe(event: WorkerEvent): void {
    // After the last stage there is nothing of the test's.
    if ('generation' in event && event.generation > this.#job.plan.stages.length) return;
    this.events.push(event);
    if (event.event === 'matched') this.#matched.add(event.stage);
    if (event.event === 'generation') this.#startStage(event.generation);
    if (event.event === 'restart') this.#startStage(this.#stage);
  }

  interrupt(interruption: Interruption): void {
    if (this.#interruption !== undefined) return;
    this.#interruption = interruption;
    clearTimeout(this.#stageTimer);
    this.#reach.send({ request: 'abort', reason: 'the test ends it' });
    this.#killTimer = setTimeout(() => this.#reach.kill(), ABORT_LIMIT);
  }

  /** @returns whether it is */
  endIfOver(): boolean {
    const last = this.events.at(-1);
    if (last?.event !== 'over' || !this.output.isOver) return false;
    this.#end({ outcome: last.outcome });
    return true;
  }

  /** The worker is gone. */
  lost(): void {
    this.output.end();
    this.#interruption ??= { by: 'kill' };
    this.#end({});
  }

  #end(how: Pick<Recording, 'outcome'>): void {
    clearTimeout(this.#stageTimer);
    clearTimeout(this.#killTimer);
    clearInterval(this.#counter);
    const interruption = this.#interruption;
    this.#reach.resolve({
      ...how,
      events: this.events,
      tries: this.output.tries,
      ...(interruption === undefined ? {} : { interruption }),
      matched: [...this.#matched],
      milliseconds: performance.now() - this.#startedAt,
    });
  }

  #startStage(stage: number): void {
    this.#stage = stage;
    clearTimeout(this.#stageTimer);
    const { timeout } = this.#job.plan;
    this.#stageTimer = setTimeout(() => this.interrupt({ by: 'timeout', stage, seconds: timeout / 1000 }), timeout);
  }

  #match(line: string, index: number): void {
    // luo itself says something where a generation begins, and where programs stay.
    if (line.startsWith('luo: ') || this.#until?.test(line) !== true || this.#matchedProgram === index) return;
    this.#matchedProgram = index;
    this.#reach.send({ request: 'proceed', program: index });
  }

  #count(): void {
    const processes = this.#reach.countProcesses();
    if (processes <= MOST_PROCESSES || this.#interruption !== undefined) return;
    this.interrupt({ by: 'storm', processes });
    // Whatever makes processes must not have time to make more.
    this.#reach.kill();
  }
}

function configure({ plan, fault }: Job, directory: string, [first]: readonly Command[]): MachineConfig {
  if (first === undefined) throw new Error('Cannot test nothing: there is no stage');
  const { profile, strict, extend, preserve, modules, descriptorLimit } = plan;
  return {
    name: 'test',
    directory,
    command: first,
    profile,
    strict,
    ...(extend === undefined ? {} : { extend }),
    ...(preserve === undefined ? {} : { preserve }),
    ...(modules === undefined ? {} : { modules }),
    ...(descriptorLimit === undefined ? {} : { descriptorLimit }),
    detached: true,
    // No path: the descriptor is open, and a machine that is killed has written all that happened.
    trace: [{ format: 'json', file: `/proc/self/fd/${WORKER_EVENTS}` }],
    inject: fault === undefined ? [] : [fault],
  };
}

/** Lines of the worker's own making. One that was cut off when it was killed is left out. */
function readEvents(socket: Socket, handle: (event: WorkerEvent) => void): void {
  let text = '';
  socket.setEncoding('utf8');
  socket.on('data', (part: string) => {
    text += part;
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    // Only the worker has the other end.
    for (const line of lines) handle(JSON.parse(line) as WorkerEvent);
  });
}
