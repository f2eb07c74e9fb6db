import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ErrnoName } from '../uapi/errno.js';
import { refused } from './testing/expect.js';
import { FakeMachine, leftovers } from './testing/fake-machine.js';

interface ModelFile {
  readonly content: string;
  readonly size: number;
}

interface ModelSession {
  /** The program's descriptor; undefined for an incoming one that nobody retrieved. */
  fd: number | undefined;
  finished: boolean;
  readonly files: Map<bigint, ModelFile>;
}

/** What should be, in the simplest words: the sessions of each side by name. */
class Model {
  outgoing = new Map<string, ModelSession>();
  incoming = new Map<string, ModelSession>();
  generation = 0n;
  contents = 0;
}

/** The machine with the device open. */
class Real {
  readonly machine = new FakeMachine({ pages: 2048 });
  device = this.machine.openDevice();
}

/** Runs `run` and expects that it works, or is refused as the model says. */
function expect<Result>(code: ErrnoName | undefined, run: () => Result): Result | undefined {
  if (code === undefined) return run();
  refused(code, run);
  return undefined;
}

type Step = fc.Command<Model, Real>;

class Create implements Step {
  constructor(readonly name: string) {}
  check = () => true;
  run(model: Model, { machine, device }: Real) {
    const taken = model.outgoing.has(this.name);
    const fd = expect(taken ? 'EEXIST' : undefined, () => machine.create(device, this.name));
    if (!taken) model.outgoing.set(this.name, { fd, finished: false, files: new Map() });
  }
  toString = () => `create(${this.name})`;
}

class Preserve implements Step {
  constructor(
    readonly name: string,
    readonly token: bigint,
    readonly size: number,
  ) {}
  check = (model: Readonly<Model>) => model.outgoing.has(this.name);
  run(model: Model, { machine }: Real) {
    const session = model.outgoing.get(this.name)!;
    const taken = session.files.has(this.token);
    model.contents += 1;
    const content = `content ${model.contents}`.slice(0, this.size);
    const memory = machine.memfd(content, { size: this.size });
    expect(taken ? 'EEXIST' : undefined, () => machine.preserve(session.fd!, memory, this.token));
    if (!taken) session.files.set(this.token, { content, size: this.size });
    machine.task.close(memory);
  }
  toString = () => `preserve(${this.name}, ${this.token}, ${this.size})`;
}

class Close implements Step {
  constructor(
    readonly side: 'outgoing' | 'incoming',
    readonly name: string,
  ) {}
  check = (model: Readonly<Model>) => model[this.side].get(this.name)?.fd !== undefined;
  run(model: Model, { machine }: Real) {
    machine.task.close(model[this.side].get(this.name)!.fd!);
    model[this.side].delete(this.name);
  }
  toString = () => `close(${this.side} ${this.name})`;
}

class Retrieve implements Step {
  constructor(readonly name: string) {}
  check = () => true;
  run(model: Model, { machine, device }: Real) {
    const session = model.incoming.get(this.name);
    const code = session === undefined ? 'ENOENT' : session.fd !== undefined ? 'EINVAL' : undefined;
    const fd = expect(code, () => machine.retrieve(device, this.name));
    if (session && fd !== undefined) session.fd = fd;
  }
  toString = () => `retrieve(${this.name})`;
}

class RetrieveFd implements Step {
  constructor(
    readonly name: string,
    readonly token: bigint,
  ) {}
  check = (model: Readonly<Model>) => model.incoming.get(this.name)?.fd !== undefined;
  run(model: Model, { machine }: Real) {
    const session = model.incoming.get(this.name)!;
    const file = session.finished ? undefined : session.files.get(this.token);
    const fd = expect(file ? undefined : 'ENOENT', () => machine.retrieveFd(session.fd!, this.token));
    if (file === undefined || fd === undefined) return;
    equal(machine.content(fd), file.content.padEnd(file.size, '\0'));
    machine.task.close(fd);
  }
  toString = () => `retrieveFd(${this.name}, ${this.token})`;
}

class Finish implements Step {
  constructor(readonly name: string) {}
  check = (model: Readonly<Model>) => model.incoming.get(this.name)?.fd !== undefined;
  run(model: Model, { machine }: Real) {
    const session = model.incoming.get(this.name)!;
    machine.finish(session.fd!);
    session.finished = true;
  }
  toString = () => `finish(${this.name})`;
}

class Kexec implements Step {
  check = () => true;
  run(model: Model, real: Real) {
    real.machine.kexec();
    real.device = real.machine.openDevice();
    model.incoming = model.outgoing;
    for (const session of model.incoming.values()) session.fd = undefined;
    model.outgoing = new Map();
    model.generation += 1n;
  }
  toString = () => 'kexec()';
}

class CancelledKexec implements Step {
  check = () => true;
  run(_model: Model, { machine }: Real) {
    machine.kernel.reboot();
    machine.kernel.cancelReboot();
  }
  toString = () => 'reboot() and cancelReboot()';
}

/** After each run of steps: the kernel's state is that of the model. */
function compare(model: Model, { machine }: Real): void {
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const state = machine.kernel.state();
  equal(state.generation, model.generation);
  deepEqual(
    state.outgoing.map(({ name, files }) => [text(name), files.map(({ token, size }) => [token, size])]),
    [...model.outgoing].map(([name, { files }]) => [
      name,
      [...files].map(([token, { size }]) => [token, BigInt(size)]),
    ]),
  );
  deepEqual(
    state.incoming.map(({ name, retrieved, files }) => [text(name), retrieved, files.map(({ token }) => token)]),
    [...model.incoming].map(([name, { fd, finished, files }]) => [
      name,
      fd !== undefined,
      finished ? [] : [...files.keys()],
    ]),
  );
}

test('whatever programs do, in whatever order, the kernel does what a few maps would do', () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const token = fc.constantFrom(0n, 1n, 2n ** 64n - 1n);
  const size = fc.constantFrom(0, 1, 4096, 20000);
  const steps = [
    name.map((one) => new Create(one)),
    fc.tuple(name, token, size).map((all) => new Preserve(...all)),
    fc.tuple(fc.constantFrom('outgoing' as const, 'incoming' as const), name).map((all) => new Close(...all)),
    name.map((one) => new Retrieve(one)),
    fc.tuple(name, token).map((all) => new RetrieveFd(...all)),
    name.map((one) => new Finish(one)),
    fc.constant(new Kexec()),
    fc.constant(new CancelledKexec()),
  ];
  fc.assert(
    fc.property(fc.commands(steps, { maxCommands: 60 }), (commands) => {
      const model = new Model();
      const real = new Real();
      fc.modelRun(() => ({ model, real }), commands);
      compare(model, real);
      // What nobody retrieved is let go of, so that whatever is left is a leak.
      for (const [one, { fd }] of model.incoming) if (fd === undefined) real.machine.retrieve(real.device, one);
      deepEqual(leftovers(real.machine), []);
    }),
    { numRuns: 200 },
  );
});
