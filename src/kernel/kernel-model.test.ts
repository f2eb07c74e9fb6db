/**
 * Programs that nobody wrote: whatever two processes do, in whatever order, the kernel does what a few maps would do.
 *
 * `LUO_MODEL_RUNS=100000 npm test -- kernel-model` runs as many programs for each profile instead of 1,000, and
 * `LUO_MODEL_SEED` gives other ones. What fails is shrunk to a short program, which is printed.
 */
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ErrnoName } from '../uapi/errno.js';
import { KernelError } from './error.js';
import type { Profile } from './kernel.js';
import { refused } from './testing/expect.js';
import type { FakeFileOptions } from './testing/fake-host.js';
import { FakeMachine, leftovers } from './testing/fake-machine.js';
import type { FakeTask } from './testing/fake-task.js';
import { PassingModule } from './testing/passing-module.js';

const RUNS = Number(process.env['LUO_MODEL_RUNS'] ?? 1000);
const SEED = Number(process.env['LUO_MODEL_SEED'] ?? 1);

/** A file of the host. `socket` is a kind that is not frozen, `hugetlb` one that no handler takes. */
interface ModelFile {
  readonly kind: 'shmem' | 'other' | 'socket' | 'hugetlb';
  content: string;
}

interface ModelSession {
  readonly name: string;
  readonly type: 'outgoing' | 'incoming';
  /** What this kernel preserves. */
  readonly preserved: Map<bigint, ModelFile>;
  /** What the last kernel left. */
  readonly left: Map<bigint, { readonly file: ModelFile; retrieved: boolean }>;
  frozen: boolean;
  retrieved: boolean;
}

/** An open file, which descriptors of both processes may share. */
interface Open {
  readonly of: 'device' | ModelSession | ModelFile;
  descriptors: number;
}

type Who = 'p' | 'q';

/** What should be, in the simplest words. */
class Model {
  outgoing = new Map<string, ModelSession>();
  incoming = new Map<string, ModelSession>();
  /** The descriptors of each process. */
  tasks = new Map<Who, Map<number, Open>>([['p', new Map()]]);
  deviceOpen = false;
  generation = 0n;
  files = 0;
  /** The program so far, for the reader of one that fails. */
  readonly program: string[] = [];

  constructor(readonly profile: Profile) {}

  says(text: string, code?: ErrnoName): void {
    this.program.push(code === undefined ? text : `${text} -> ${code}`);
  }

  /** What the last call that was written down gave. */
  gave(fd: number): void {
    this.program.push(`${this.program.pop()} = ${fd}`);
  }

  /** The descriptors of a process that `matches`, in their order. */
  fds(who: Who, matches: (of: Open['of']) => boolean): { fd: number; of: Open['of'] }[] {
    return [...(this.tasks.get(who) ?? [])].flatMap(([fd, { of }]) => (matches(of) ? [{ fd, of }] : []));
  }

  sessions(who: Who): { fd: number; session: ModelSession }[] {
    return this.fds(who, isSession).flatMap(({ fd, of }) => (isSession(of) ? [{ fd, session: of }] : []));
  }

  add(who: Who, fd: number, of: Open['of']): void {
    this.tasks.get(who)?.set(fd, { of, descriptors: 1 });
  }

  close(who: Who, fd: number): void {
    const open = this.tasks.get(who)?.get(fd);
    this.tasks.get(who)?.delete(fd);
    if (open === undefined) return;
    open.descriptors -= 1;
    if (open.descriptors > 0) return;
    if (open.of === 'device') this.deviceOpen = false;
    else if (isSession(open.of)) this[open.of.type].delete(open.of.name);
  }

  /** Whether a session has the file: it is preserved, or was retrieved and is not finished. */
  hasFile(file: ModelFile): boolean {
    return [...this.outgoing.values(), ...this.incoming.values()].some(
      ({ preserved, left }) =>
        [...preserved.values()].includes(file) || [...left.values()].some((one) => one.file === file && one.retrieved),
    );
  }
}

function isSession(of: Open['of']): of is ModelSession {
  return typeof of === 'object' && 'preserved' in of;
}

function isFile(of: Open['of']): of is ModelFile {
  return typeof of === 'object' && 'content' in of;
}

/** The machine with its processes. */
class Real {
  readonly machine: FakeMachine;
  readonly tasks = new Map<Who, FakeTask>();

  constructor(profile: Profile) {
    const modules = [new PassingModule('shared-v1')];
    this.machine = new FakeMachine({ pages: 192, profile, extend: true, preserve: ['sockets'], modules });
    this.tasks.set('p', this.machine.task);
  }

  /** Opens the device, as most programs do at once. */
  openDevice(model: Model): void {
    model.add('p', this.as('p').openDevice(), 'device');
    model.deviceOpen = true;
  }

  /** The machine, as the process calls it. */
  as(who: Who): FakeMachine {
    const task = this.tasks.get(who);
    if (task) this.machine.task = task;
    return this.machine;
  }

  /** Ends this kernel and all processes, and boots the next one. */
  kexec(): void {
    const { machine } = this;
    const handover = machine.kernel.reboot();
    machine.kernel.shutdown();
    for (const task of this.tasks.values()) task.closeAll();
    this.tasks.clear();
    machine.hardware = machine.hardware.afterKexec();
    machine.boot(handover);
    this.tasks.set('p', machine.task);
  }

  /** Makes the file callback `freeze` fail that comes after `after` others. */
  failFreeze(after: number, run: () => void): void {
    let seen = 0;
    const { hardware } = this.machine;
    hardware.onStep = (step) => {
      if (step.kind !== 'file' || step.callback !== 'freeze') return;
      seen += 1;
      if (seen > after) throw new KernelError('EIO', 'Cannot, as the model wants');
    };
    try {
      run();
    } finally {
      // The next kernel's hardware has it, too.
      hardware.onStep = undefined;
      this.machine.hardware.onStep = undefined;
    }
  }
}

/** Runs `run` and expects that it works, or is refused as the model says. */
function expect<Result>(code: ErrnoName | undefined, run: () => Result): Result | undefined {
  if (code === undefined) return run();
  refused(code, run);
  return undefined;
}

/** One of the list, whatever the number. */
function pick<Item>(items: readonly Item[], number: number): Item | undefined {
  return items[number % items.length];
}

/** A step of a program. It writes down what it did, as the steps before it decide what that is. */
abstract class Step implements fc.Command<Model, Real> {
  check(_model: Readonly<Model>): boolean {
    return true;
  }

  abstract run(model: Model, real: Real): void;

  toString = () => this.constructor.name;
}

/** The process, or the first one where that is not there. */
function by(model: Readonly<Model>, who: Who): Who {
  return model.tasks.has(who) ? who : 'p';
}

class OpenDevice extends Step {
  constructor(readonly who: Who) {
    super();
  }
  run(model: Model, real: Real) {
    const code = model.deviceOpen ? 'EBUSY' : undefined;
    model.says(`${by(model, this.who)}: open(device)`, code);
    const fd = expect(code, () => real.as(by(model, this.who)).openDevice());
    if (fd === undefined) return;
    model.deviceOpen = true;
    model.add(by(model, this.who), fd, 'device');
  }
}

class NewFile extends Step {
  constructor(
    readonly who: Who,
    readonly kind: ModelFile['kind'],
    readonly size: number,
  ) {
    super();
  }
  run(model: Model, real: Real) {
    model.files += 1;
    const content = `file ${model.files}`.slice(0, this.size);
    const fd = real.as(by(model, this.who)).memfd(content, { ...optionsOf(this.kind), size: this.size });
    model.says(`${by(model, this.who)}: new ${this.kind} file of ${this.size} bytes`);
    model.gave(fd);
    model.add(by(model, this.who), fd, { kind: this.kind, content: content.padEnd(this.size, '\0') });
  }
}

function optionsOf(kind: ModelFile['kind']): FakeFileOptions {
  return kind === 'socket' ? { kind: 'other', type: 'socket', link: 'socket:[7]' } : { kind };
}

class Write extends Step {
  constructor(
    readonly who: Who,
    readonly which: number,
  ) {
    super();
  }
  override check = (model: Readonly<Model>) => model.fds(by(model, this.who), isFile).length > 0;
  run(model: Model, real: Real) {
    const { fd, of } = pick(model.fds(by(model, this.who), isFile), this.which)!;
    model.says(`${by(model, this.who)}: write(${fd})`);
    if (!isFile(of) || of.content === '') return;
    of.content = `W${of.content.slice(1)}`;
    const machine = real.as(by(model, this.who));
    machine.host.write(machine.task.descriptorAt(fd), 0, new TextEncoder().encode('W'));
  }
}

class Create extends Step {
  constructor(
    readonly who: Who,
    readonly name: string,
  ) {
    super();
  }
  override check = (model: Readonly<Model>) => model.fds(by(model, this.who), (of) => of === 'device').length > 0;
  run(model: Model, real: Real) {
    const { fd: device } = model.fds(by(model, this.who), (of) => of === 'device')[0]!;
    const code = model.outgoing.has(this.name) ? 'EEXIST' : undefined;
    model.says(`${by(model, this.who)}: create("${this.name}")`, code);
    const fd = expect(code, () => real.as(by(model, this.who)).create(device, this.name));
    if (fd === undefined) return;
    model.gave(fd);
    const session = newSession(this.name, 'outgoing');
    model.outgoing.set(this.name, session);
    model.add(by(model, this.who), fd, session);
  }
}

class Retrieve extends Step {
  constructor(
    readonly who: Who,
    readonly name: string,
    /** Whether it asks for a session that is there, where there is one. */
    readonly sensible: boolean,
  ) {
    super();
  }
  override check = (model: Readonly<Model>) => model.fds(by(model, this.who), (of) => of === 'device').length > 0;
  run(model: Model, real: Real) {
    const { fd: device } = model.fds(by(model, this.who), (of) => of === 'device')[0]!;
    const waiting = [...model.incoming.values()].filter(({ retrieved }) => !retrieved);
    const name = this.sensible ? (waiting[0]?.name ?? this.name) : this.name;
    const session = model.incoming.get(name);
    const code = session === undefined ? 'ENOENT' : session.retrieved ? 'EINVAL' : undefined;
    model.says(`${by(model, this.who)}: retrieve("${name}")`, code);
    const fd = expect(code, () => real.as(by(model, this.who)).retrieve(device, name));
    if (fd === undefined || session === undefined) return;
    model.gave(fd);
    session.retrieved = true;
    model.add(by(model, this.who), fd, session);
  }
}

/** A step that is made with a session. */
abstract class SessionStep extends Step {
  constructor(
    readonly who: Who,
    readonly which: number,
  ) {
    super();
  }
  override check(model: Readonly<Model>): boolean {
    return model.sessions(by(model, this.who)).length > 0;
  }
  /** Mostly one of the side that the step makes sense on. */
  protected session(model: Readonly<Model>, type?: ModelSession['type']): { fd: number; session: ModelSession } {
    const all = model.sessions(by(model, this.who));
    const sensible = all.filter(({ session }) => session.type === type);
    return pick(this.which > 0 && sensible.length > 0 ? sensible : all, this.which)!;
  }
}

class Preserve extends SessionStep {
  constructor(
    who: Who,
    which: number,
    readonly whichFile: number,
    readonly token: bigint,
  ) {
    super(who, which);
  }
  run(model: Model, real: Real) {
    const { fd, session } = this.session(model, 'outgoing');
    // A device and a session are open files, too, which no handler takes.
    const files = model.fds(by(model, this.who), this.whichFile === 0 ? () => true : isFile);
    const { fd: file, of } = pick(
      files.length > 0 ? files : model.fds(by(model, this.who), () => true),
      this.whichFile,
    )!;
    const code = this.#refusal(model, session, of);
    model.says(`${by(model, this.who)}: preserve(${fd}, fd ${file}, token ${this.token})`, code);
    expect(code, () => real.as(by(model, this.who)).preserve(fd, file, this.token));
    if (code === undefined && isFile(of)) session.preserved.set(this.token, of);
  }
  #refusal(model: Model, session: ModelSession, of: Open['of']): ErrnoName | undefined {
    if (model.profile === 'linux' && session.type === 'incoming') return 'EINVAL';
    if (session.preserved.has(this.token) || session.left.has(this.token)) return 'EEXIST';
    if (session.frozen) return 'EBUSY';
    if (!isFile(of) || of.kind === 'hugetlb') return 'ENOENT';
    return model.profile === 'linux' && model.hasFile(of) ? 'EBUSY' : undefined;
  }
}

class Unpreserve extends SessionStep {
  constructor(
    who: Who,
    which: number,
    readonly token: bigint,
  ) {
    super(who, which);
  }
  run(model: Model, real: Real) {
    const { fd, session } = this.session(model, 'outgoing');
    const code = this.#refusal(session);
    model.says(`${by(model, this.who)}: unpreserve(${fd}, token ${this.token})`, code);
    expect(code, () => real.as(by(model, this.who)).unpreserve(fd, this.token));
    if (code === undefined) session.preserved.delete(this.token);
  }
  #refusal({ type, frozen, preserved }: ModelSession): ErrnoName | undefined {
    if (type === 'incoming') return 'EINVAL';
    if (frozen) return 'EBUSY';
    return preserved.has(this.token) ? undefined : 'ENOENT';
  }
}

class RetrieveFd extends SessionStep {
  constructor(
    who: Who,
    which: number,
    readonly token: bigint,
    /** Whether it asks for a token that is there, where there is one. */
    readonly sensible: boolean,
  ) {
    super(who, which);
  }
  run(model: Model, real: Real) {
    const { fd, session } = this.session(model, 'incoming');
    const token = this.sensible ? ([...session.left.keys()].at(-1) ?? this.token) : this.token;
    const entry = session.left.get(token);
    const wrongSide = model.profile === 'linux' && session.type === 'outgoing';
    const code = wrongSide ? 'EINVAL' : entry === undefined ? 'ENOENT' : undefined;
    const machine = real.as(by(model, this.who));
    model.says(`${by(model, this.who)}: retrieve(${fd}, token ${token})`, code);
    const file = expect(code, () => machine.retrieveFd(fd, token));
    if (file === undefined || entry === undefined) return;
    model.gave(file);
    entry.retrieved = true;
    equal(machine.content(file), entry.file.content);
    model.add(by(model, this.who), file, entry.file);
  }
}

class Finish extends SessionStep {
  run(model: Model, real: Real) {
    const { fd, session } = this.session(model, 'incoming');
    const code = model.profile === 'linux' && session.type === 'outgoing' ? 'EINVAL' : undefined;
    model.says(`${by(model, this.who)}: finish(${fd})`, code);
    expect(code, () => real.as(by(model, this.who)).finish(fd));
    if (code !== undefined) return;
    session.left.clear();
    session.preserved.clear();
    session.frozen = false;
  }
}

class SetEvent extends SessionStep {
  constructor(
    who: Who,
    which: number,
    readonly event: 'freeze' | 'cancel',
    /** How many files are frozen before one that fails. */
    readonly limit: number,
  ) {
    super(who, which);
  }
  run(model: Model, real: Real) {
    const { fd, session } = this.session(model, 'outgoing');
    const fails = this.event === 'freeze' && !session.frozen && freezing(session) > this.limit;
    const code = session.type === 'incoming' ? 'EINVAL' : fails ? 'EIO' : undefined;
    model.says(`${by(model, this.who)}: ${this.event}(${fd})`, code);
    real.failFreeze(this.limit, () => expect(code, () => real.as(by(model, this.who)).setEvent(fd, this.event)));
    if (code === undefined) session.frozen = this.event === 'freeze';
  }
}

class Dup extends Step {
  constructor(
    readonly who: Who,
    readonly which: number,
  ) {
    super();
  }
  override check = (model: Readonly<Model>) => (model.tasks.get(by(model, this.who))?.size ?? 0) > 0;
  run(model: Model, real: Real) {
    const fds = model.tasks.get(by(model, this.who))!;
    const [fd, open] = pick([...fds], this.which)!;
    model.says(`${by(model, this.who)}: dup(${fd})`);
    const copy = real.tasks.get(by(model, this.who))!.dup(fd);
    model.gave(copy);
    open.descriptors += 1;
    fds.set(copy, open);
  }
}

class Close extends Step {
  constructor(
    readonly who: Who,
    readonly which: number,
  ) {
    super();
  }
  override check = (model: Readonly<Model>) => (model.tasks.get(by(model, this.who))?.size ?? 0) > 0;
  run(model: Model, real: Real) {
    const fd = pick([...model.tasks.get(by(model, this.who))!.keys()], this.which)!;
    model.says(`${by(model, this.who)}: close(${fd})`);
    real.tasks.get(by(model, this.who))?.close(fd);
    model.close(by(model, this.who), fd);
  }
}

class Fork extends Step {
  override check = (model: Readonly<Model>) => !model.tasks.has('q');
  run(model: Model, real: Real) {
    model.says('p: fork(), the child is q');
    const fds = new Map(model.tasks.get('p'));
    for (const open of fds.values()) open.descriptors += 1;
    model.tasks.set('q', fds);
    real.tasks.set('q', real.tasks.get('p')!.fork());
  }
}

class Exit extends Step {
  override check = (model: Readonly<Model>) => model.tasks.has('q');
  run(model: Model, real: Real) {
    model.says('q: exit()');
    for (const fd of [...model.tasks.get('q')!.keys()]) model.close('q', fd);
    model.tasks.delete('q');
    real.tasks.get('q')?.closeAll();
    real.tasks.delete('q');
  }
}

/** Files that are frozen, before one that fails. */
class Kexec extends Step {
  constructor(readonly limit: number) {
    super();
  }
  /** What the v5 series adds to an incoming session is on its way to nobody: it goes with the kernel. */
  override check = (model: Readonly<Model>) =>
    [...model.incoming.values()].every(({ preserved }) => preserved.size === 0);
  run(model: Model, real: Real) {
    const toFreeze = [...model.outgoing.values()].reduce(
      (sum, session) => (session.frozen ? sum : sum + freezing(session)),
      0,
    );
    const code = toFreeze > this.limit ? 'EIO' : undefined;
    model.says(code ? `kexec, which fails after ${this.limit} files` : 'kexec', code);
    real.failFreeze(this.limit, () => expect(code, () => real.kexec()));
    if (code !== undefined) return;
    model.incoming = new Map([...model.outgoing].map(([name, { preserved }]) => [name, handedOver(name, preserved)]));
    model.outgoing = new Map();
    model.tasks = new Map([['p', new Map()]]);
    model.deviceOpen = false;
    model.generation += 1n;
    real.openDevice(model);
  }
}

/** A kexec that does not come about after all, while a process closes a descriptor. */
class CancelledKexec extends Step {
  constructor(
    readonly who: Who,
    readonly which: number,
  ) {
    super();
  }
  override check = (model: Readonly<Model>) => (model.tasks.get(by(model, this.who))?.size ?? 0) > 0;
  run(model: Model, real: Real) {
    const { kernel } = real.machine;
    const fd = pick([...model.tasks.get(by(model, this.who))!.keys()], this.which)!;
    model.says(`reboot(), ${by(model, this.who)}: close(${fd}), cancelReboot()`);
    kernel.reboot();
    real.tasks.get(by(model, this.who))?.close(fd);
    kernel.cancelReboot();
    model.close(by(model, this.who), fd);
  }
}

/** Looks whether the kernel is as the model. */
class Look extends Step {
  run(model: Model, { machine }: Real) {
    model.says('look at the state of the kernel');
    const state = machine.kernel.state();
    equal(state.generation, model.generation);
    deepEqual(
      state.outgoing.map(({ name, state, files }) => [text(name), state, files.map(({ token }) => token)]),
      [...model.outgoing].map(([name, { frozen, preserved }]) => [
        name,
        frozen ? 'frozen' : preserved.size > 0 ? 'prepared' : 'normal',
        [...preserved.keys()],
      ]),
    );
    deepEqual(
      state.incoming.map(({ name, retrieved, files }) => [
        text(name),
        retrieved,
        files.map((file) => [file.token, file.retrieved]),
      ]),
      [...model.incoming].map(([name, { retrieved, left }]) => [
        name,
        retrieved,
        [...left].map(([token, file]) => [token, file.retrieved]),
      ]),
    );
    deepEqual(
      machine.kernel.leaks().filter((leak) => leak.includes('FLB')),
      dependents(model),
    );
    // In the v5 series, one file that is let go of takes the freeze off all others of the same inode.
    if (model.profile === 'linux') equal(machine.kernel.hasFrozenFiles, hasShmem(model));
  }
}

function newSession(name: string, type: ModelSession['type']): ModelSession {
  return { name, type, preserved: new Map(), left: new Map(), frozen: false, retrieved: false };
}

function handedOver(name: string, preserved: ModelSession['preserved']): ModelSession {
  const left = new Map([...preserved].map(([token, file]) => [token, { file, retrieved: false }]));
  return { ...newSession(name, 'incoming'), left };
}

/** What the kernel says of its one FLB: how many files depend on it. */
function dependents({ outgoing, incoming }: Model): string[] {
  const sessions = [...outgoing.values(), ...incoming.values()];
  const files = sessions.flatMap(({ preserved }) => [...preserved.values()]).filter(({ kind }) => kind === 'other');
  const left = sessions.flatMap(({ left }) => [...left.values()]).filter(({ file }) => file.kind === 'other');
  return [
    ...(files.length > 0 ? [`${files.length} preserved files that depend on the FLB "shared-v1"`] : []),
    ...(left.length > 0 ? [`${left.length} incoming files that depend on the FLB "shared-v1"`] : []),
  ];
}

/** How many of its files a freeze asks. */
function freezing({ preserved }: ModelSession): number {
  return [...preserved.values()].filter(({ kind }) => kind !== 'socket').length;
}

function hasShmem({ outgoing }: Model): boolean {
  return [...outgoing.values()].some(({ preserved }) => [...preserved.values()].some(({ kind }) => kind === 'shmem'));
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

const who = fc.constantFrom<Who>('p', 'p', 'q');
const name = fc.constantFrom('a', 'b');
const token = fc.constantFrom(0n, 2n ** 64n - 1n);
const which = fc.nat(7);
const size = fc.constantFrom(0, 1, 4096, 20000);
const kind = fc.constantFrom<ModelFile['kind']>('shmem', 'shmem', 'shmem', 'other', 'other', 'socket', 'hugetlb');
const event = fc.constantFrom('freeze' as const, 'cancel' as const);
/** Most freezes do not fail. */
const limit = fc.oneof({ weight: 4, arbitrary: fc.constant(100) }, { weight: 1, arbitrary: fc.nat(3) });

/** The steps with how often they come: most programs should get far, and fail late. */
const step = fc.oneof<fc.WeightedArbitrary<Step>[]>(
  { weight: 1, arbitrary: who.map((one) => new OpenDevice(one)) },
  { weight: 8, arbitrary: fc.tuple(who, kind, size).map((all) => new NewFile(...all)) },
  { weight: 2, arbitrary: fc.tuple(who, which).map((all) => new Write(...all)) },
  { weight: 9, arbitrary: fc.tuple(who, name).map((all) => new Create(...all)) },
  { weight: 5, arbitrary: fc.tuple(who, name, fc.boolean()).map((all) => new Retrieve(...all)) },
  { weight: 20, arbitrary: fc.tuple(who, which, which, token).map((all) => new Preserve(...all)) },
  { weight: 3, arbitrary: fc.tuple(who, which, token).map((all) => new Unpreserve(...all)) },
  { weight: 12, arbitrary: fc.tuple(who, which, token, fc.boolean()).map((all) => new RetrieveFd(...all)) },
  { weight: 3, arbitrary: fc.tuple(who, which).map((all) => new Finish(...all)) },
  { weight: 2, arbitrary: fc.tuple(who, which, event, limit).map((all) => new SetEvent(...all)) },
  { weight: 2, arbitrary: fc.tuple(who, which).map((all) => new Dup(...all)) },
  { weight: 4, arbitrary: fc.tuple(who, which).map((all) => new Close(...all)) },
  { weight: 2, arbitrary: fc.constant(undefined).map(() => new Fork()) },
  { weight: 1, arbitrary: fc.constant(undefined).map(() => new Exit()) },
  { weight: 3, arbitrary: limit.map((one) => new Kexec(one)) },
  { weight: 2, arbitrary: fc.tuple(who, which).map((all) => new CancelledKexec(...all)) },
  { weight: 2, arbitrary: fc.constant(undefined).map(() => new Look()) },
);

/** Ends all programs and lets go of what nobody retrieved: whatever is left is a leak. */
function end(model: Model, { machine, tasks }: Real): void {
  for (const task of tasks.values()) task.closeAll();
  const device = machine.openDevice();
  for (const [one, { retrieved }] of model.incoming) if (!retrieved) machine.retrieve(device, one);
  deepEqual(leftovers(machine), []);
}

for (const profile of ['linux', 'v5'] as const) {
  test(`${profile}: whatever programs do, in whatever order, the kernel does what a few maps would do`, (context) => {
    fc.assert(
      fc.property(fc.commands([step], { maxCommands: 150, size: 'max' }), (commands) => {
        const model = new Model(profile);
        const real = new Real(profile);
        real.openDevice(model);
        try {
          fc.modelRun(() => ({ model, real }), commands);
          new Look().run(model, real);
          end(model, real);
        } catch (error) {
          throw new Error(`This program failed:\n  ${model.program.join('\n  ')}\n${error}`, { cause: error });
        }
      }),
      { numRuns: RUNS, seed: SEED },
    );
    context.diagnostic(`${RUNS} programs, seed ${SEED}`);
  });
}
