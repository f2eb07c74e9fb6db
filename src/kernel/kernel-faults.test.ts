/**
 * Whatever fails, at whatever point: each scenario runs once to count its steps, and then once for each step with just
 * that one failing. A step is an allocation of RAM, what a handler or an FLB is asked to do, or what the host is asked
 * to do with a file.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrnoName } from '../uapi/errno.js';
import { F_SEAL_SHRINK } from '../uapi/fcntl.js';
import { KernelError } from './error.js';
import type { CopyOptions, Descriptor } from './hardware.js';
import type { KernelOptions, Profile } from './kernel.js';
import type { Step } from './step.js';
import { refused } from './testing/expect.js';
import { FakeHost } from './testing/fake-host.js';
import { FakeMachine, leftovers } from './testing/fake-machine.js';
import { PassingModule, SHARED_TEXT, textOf } from './testing/passing-module.js';
import { PAGE_SIZE } from './units.js';

/** A host whose calls that can fail are steps, too. */
class SteppedHost extends FakeHost {
  constructor(readonly visit: (call: string) => void) {
    super();
  }

  override reopen(descriptor: Descriptor, position: bigint): Descriptor {
    this.visit('reopen');
    return super.reopen(descriptor, position);
  }

  override copy(descriptor: Descriptor, options: CopyOptions): Descriptor {
    this.visit('copy');
    return super.copy(descriptor, options);
  }
}

/** The step that was made to fail. */
interface Hit {
  readonly what: string;
  readonly code: ErrnoName;
}

/** What a file should come back as. */
interface Expected {
  readonly content: string;
  readonly size: number;
}

/** As `leaks()` says it. */
const PAGES_OF_RAM = /^(\d+) pages of RAM$/;

/** A machine that a scenario runs on, with one step that fails, or none. */
class World {
  readonly machine: FakeMachine;
  readonly profile: Profile;
  /** Where each call began and the last one ended, in steps. */
  readonly marks: number[] = [];
  steps = 0;
  hit: Hit | undefined;
  device: number;
  readonly #module: PassingModule;
  readonly #expected = new Map<string, Expected>();
  readonly #failing: { readonly step: number; readonly marks: readonly number[] } | undefined;

  /** @param failing the step that fails, the first being 1, and the marks of a run without a failure */
  constructor(options: KernelOptions, failing?: { readonly step: number; readonly marks: readonly number[] }) {
    this.profile = options.profile;
    this.#failing = failing;
    this.#module = new PassingModule('a-v1', 'b-v1', 'c-v1');
    const host = new SteppedHost((call) => this.#pass(call, 'ENFILE'));
    this.machine = new FakeMachine({ pages: 512, host, modules: [this.#module], ...options });
    this.machine.hardware.onStep = (step) => this.#pass(describe(step), step.kind === 'allocate' ? 'ENOMEM' : 'EIO');
    this.device = this.machine.openDevice();
  }

  create(name: string): number {
    return this.#attempt(() => this.machine.create(this.device, name));
  }

  /** Preserves a new memfd. */
  memfd(session: number, token: bigint, content: string, size = content.length): void {
    const fd = this.machine.memfd(content, { size });
    this.preserve(session, fd, token, { content, size });
    this.machine.task.close(fd);
  }

  /** Preserves a new file of the module. */
  other(session: number, token: bigint, content: string): void {
    const fd = this.machine.memfd(content, { kind: 'other' });
    this.preserve(session, fd, token, { content, size: content.length });
    this.machine.task.close(fd);
  }

  preserve(session: number, fd: number, token: bigint, expected: Expected): void {
    this.#attempt(() => this.machine.preserve(session, fd, token), { room: 1 });
    this.#expected.set(`${token}`, expected);
  }

  unpreserve(session: number, token: bigint): void {
    this.#attempt(() => this.machine.unpreserve(session, token));
  }

  setEvent(session: number, event: 'freeze' | 'cancel'): void {
    this.#attempt(() => this.machine.setEvent(session, event));
  }

  /** As a machine does it: the next kernel boots on the very RAM, and this one goes on where that fails. */
  kexec(): void {
    const { machine } = this;
    this.#attempt(() => {
      const { kernel, task } = machine;
      const handover = kernel.reboot();
      try {
        machine.boot(handover);
      } catch (error) {
        kernel.cancelReboot();
        throw error;
      }
      kernel.shutdown();
      task.closeAll();
    });
    this.openDevice();
  }

  openDevice(): void {
    this.device = this.machine.openDevice();
  }

  retrieve(name: string): number {
    return this.#attempt(() => this.machine.retrieve(this.device, name));
  }

  /**
   * Retrieves a file and looks at its content.
   *
   * @returns undefined where it cannot be had any more: Linux remembers that a retrieve failed
   */
  retrieveFd(session: number, token: bigint): number | undefined {
    const before = this.hit;
    let fd: number;
    try {
      fd = this.#attempt(() => this.machine.retrieveFd(session, token));
    } catch (error) {
      const { hit } = this;
      if (!(error instanceof KernelError) || this.profile !== 'linux' || hit === before || hit === undefined)
        throw error;
      refused(hit.code, () => this.machine.retrieveFd(session, token));
      return undefined;
    }
    const { content, size } = this.#expected.get(`${token}`)!;
    equal(this.machine.content(fd), content.padEnd(size, '\0'));
    return fd;
  }

  finish(session: number): void {
    const { hit } = this;
    const { messages } = this.machine.hardware;
    const before = messages.length;
    this.#attempt(() => this.machine.finish(session), { swallows: true });
    const lost = this.hit !== hit && this.hit?.what.startsWith('flb retrieve');
    equal(messages.slice(before).filter((message) => message.includes('Lost an FLB')).length, lost ? 1 : 0);
  }

  /** The object that the first FLB of the module got from the last kernel. */
  lookAtShared(): void {
    const { kernel, flbs } = this.#module.loaded.at(-1)!;
    equal(
      this.#attempt(() => kernel.flbIncoming(flbs[0]!, ({ object }) => textOf(object))),
      SHARED_TEXT,
    );
  }

  /**
   * @param swallows whether a failure may be told of in the log alone
   * @param room the pages of RAM that may stay: a session keeps the room that it made for one more file
   */
  #attempt<Result>(run: () => Result, { swallows = false, room = 0 } = {}): Result {
    const before = this.#failsNext() ? this.#snapshot() : undefined;
    const pages = before && this.#pages();
    this.marks.push(this.steps);
    const { hit } = this;
    try {
      const result = run();
      ok(this.hit === hit || swallows, `the failure of ${this.hit?.what} was not told of`);
      return result;
    } catch (error) {
      if (!(error instanceof KernelError) || this.hit === hit) throw error;
      equal(error.code, this.hit?.code);
      deepEqual(this.#snapshot(), before);
      const kept = this.#pages() - (pages ?? 0);
      ok(kept >= 0 && kept <= room, `${kept} pages of RAM were kept`);
      return run();
    }
  }

  /** Whether the call that comes has the step that fails. */
  #failsNext(): boolean {
    if (this.#failing === undefined) return false;
    const { step, marks } = this.#failing;
    const [start = 0, end = Number.POSITIVE_INFINITY] = marks.slice(this.marks.length, this.marks.length + 2);
    return start < step && step <= end;
  }

  /** All that can be told of the kernel but the pages of RAM that are in use, and what is in the files. */
  #snapshot() {
    const { kernel, host, task } = this.machine;
    const contents = host.open.map((descriptor) => host.read(descriptor, 0, 64));
    const leaks = kernel.leaks().filter((leak) => !PAGES_OF_RAM.test(leak));
    return { state: kernel.state(), leaks, frozen: kernel.hasFrozenFiles, contents, fds: task.fds };
  }

  #pages(): number {
    return Number(this.machine.kernel.leaks().flatMap((leak) => PAGES_OF_RAM.exec(leak)?.[1] ?? [])[0] ?? 0);
  }

  #pass(what: string, code: ErrnoName): void {
    this.steps += 1;
    if (this.steps !== this.#failing?.step) return;
    this.hit = { what, code };
    throw new KernelError(code, `Cannot, as the test wants: ${what}`);
  }
}

function describe(step: Step): string {
  if (step.kind === 'allocate') return `allocate ${step.pages}`;
  if (step.kind === 'flb') return `flb ${step.callback} ${step.compatible}`;
  return `${step.callback} token ${step.token} of session ${step.session}`;
}

interface Scenario {
  readonly options?: Partial<KernelOptions>;
  run(world: World): void;
}

const scenarios: Readonly<Record<string, Scenario>> = {
  'one session with several memfds': {
    run(world) {
      const session = world.create('vm');
      world.memfd(session, 1n, '');
      world.memfd(session, 2n, 'one page');
      world.memfd(session, 3n, 'x'.repeat(PAGE_SIZE * 3 + 5));
      world.memfd(session, 4n, '', 10 * PAGE_SIZE);
      world.kexec();
      const incoming = world.retrieve('vm');
      for (const token of [4n, 2n, 1n, 3n]) world.retrieveFd(incoming, token);
      world.finish(incoming);
    },
  },
  'more sessions than a block has room for': {
    run(world) {
      for (let i = 0; i < 53; i += 1) world.create(`empty ${i}`);
      world.memfd(world.create('vm'), 1n, 'text');
      world.kexec();
      world.retrieveFd(world.retrieve('vm'), 1n);
      for (let i = 0; i < 53; i += 1) world.finish(world.retrieve(`empty ${i}`));
    },
  },
  'more files than a block has room for': {
    run(world) {
      const session = world.create('vm');
      for (let i = 0; i < 65; i += 1) world.other(session, BigInt(i), `file ${i}`);
      world.kexec();
      const incoming = world.retrieve('vm');
      for (let i = 0; i < 65; i += 13) world.retrieveFd(incoming, BigInt(i));
      world.finish(incoming);
    },
  },
  'sessions with files of a module, which depend on FLBs': {
    run(world) {
      const [first, second] = [world.create('first'), world.create('second')];
      for (const token of [1n, 2n]) world.other(first, token, `other ${token}`);
      world.memfd(second, 3n, 'memory');
      world.other(second, 4n, 'other 4');
      world.kexec();
      const incoming = world.retrieve('first');
      world.lookAtShared();
      world.retrieveFd(incoming, 2n);
      world.finish(incoming);
      world.lookAtShared();
      const other = world.retrieve('second');
      for (const token of [3n, 4n]) world.retrieveFd(other, token);
      world.finish(other);
    },
  },
  'files that nobody retrieves, and FLBs that nobody asks for': {
    run(world) {
      const session = world.create('vm');
      world.other(session, 1n, 'other');
      world.memfd(session, 2n, 'memory');
      world.kexec();
      world.finish(world.retrieve('vm'));
    },
  },
  'what was retrieved is preserved again, for three generations': {
    run(world) {
      const session = world.create('vm');
      world.memfd(session, 1n, 'memory');
      world.other(session, 2n, 'other');
      for (let generation = 1; generation <= 3; generation += 1) {
        world.kexec();
        const incoming = world.retrieve('vm');
        const fds = [1n, 2n].map((token) => world.retrieveFd(incoming, token));
        world.finish(incoming);
        const next = world.create('vm');
        for (const [i, content] of ['memory', 'other'].entries()) {
          const token = BigInt(i + 1);
          const fd = fds[i];
          // What cannot be had any more is made anew.
          if (fd !== undefined) world.preserve(next, fd, token, { content, size: content.length });
          else world.memfd(next, token, content);
        }
      }
    },
  },
  'a device and a session that are closed and opened again': {
    run(world) {
      const { task } = world.machine;
      world.memfd(world.create('kept'), 1n, 'kept');
      const session = world.create('closed');
      world.memfd(session, 2n, 'lost');
      world.other(session, 3n, 'lost');
      task.close(session);
      task.close(world.device);
      world.openDevice();
      world.memfd(world.create('closed'), 2n, 'made anew');
      world.kexec();
      world.retrieveFd(world.retrieve('kept'), 1n);
      world.retrieveFd(world.retrieve('closed'), 2n);
    },
  },
  'a session that its program freezes, cancels, lets go of files of, and freezes again': {
    options: { extend: true },
    run(world) {
      const [frozen, other] = [world.create('frozen'), world.create('other')];
      for (const token of [1n, 2n]) world.memfd(frozen, token, `file ${token}`);
      world.other(other, 3n, 'other');
      world.setEvent(frozen, 'freeze');
      world.setEvent(frozen, 'cancel');
      world.unpreserve(frozen, 1n);
      world.other(frozen, 4n, 'file 4');
      world.setEvent(frozen, 'freeze');
      world.kexec();
      const incoming = world.retrieve('frozen');
      for (const token of [2n, 4n]) world.retrieveFd(incoming, token);
      world.finish(incoming);
      world.retrieveFd(world.retrieve('other'), 3n);
    },
  },
  'a memfd that comes back as a copy': {
    options: { strict: true },
    run(world) {
      const session = world.create('vm');
      const fd = world.machine.memfd('sealed', { seals: F_SEAL_SHRINK, permissions: 0o666 });
      world.preserve(session, fd, 1n, { content: 'sealed', size: 6 });
      world.kexec();
      const incoming = world.retrieve('vm');
      world.retrieveFd(incoming, 1n);
      world.finish(incoming);
    },
  },
};

let cases = 0;

for (const profile of ['linux', 'v5'] as const) {
  for (const [name, { options = {}, run }] of Object.entries(scenarios)) {
    test(`${profile}: ${name}: each step may fail`, (context) => {
      const calm = new World({ profile, ...options });
      run(calm);
      const { steps } = calm;
      deepEqual(leftovers(calm.machine), []);
      for (let step = 1; step <= steps; step += 1) {
        const world = new World({ profile, ...options }, { step, marks: calm.marks });
        try {
          run(world);
          ok(world.hit, 'the step did not come');
          deepEqual(leftovers(world.machine), []);
        } catch (error) {
          throw new Error(`Step ${step} of ${steps} failed (${world.hit?.what}): ${error}`, { cause: error });
        }
      }
      cases += steps;
      context.diagnostic(`${steps} steps, each of which failed once`);
    });
  }
}

test('hundreds of failures were brought about', (context) => {
  context.diagnostic(`${cases} failures`);
  ok(cases >= 500, `only ${cases}`);
});
