/**
 * Whatever programs pass to an ioctl, and whatever the last kernel seems to have left: the answer is a KernelError or
 * success, nothing is written outside of RAM, and no descriptor of the host is lost.
 *
 * `LUO_FUZZ_CASES=10000000 npm test -- kernel-fuzz` runs as many cases instead of 100,000, and `LUO_FUZZ_SEED` begins with
 * another one. What fails says its seed: `LUO_FUZZ_SEED=seed LUO_FUZZ_CASES=1` runs it alone.
 */
import { deepEqual, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { errno } from '../uapi/errno.js';
import {
  LIVEUPDATE_IOCTL_CREATE_SESSION,
  LIVEUPDATE_IOCTL_RETRIEVE_SESSION,
  LIVEUPDATE_SESSION_FINISH,
  LIVEUPDATE_SESSION_GET_NAME,
  LIVEUPDATE_SESSION_PRESERVE_FD,
  LIVEUPDATE_SESSION_RETRIEVE_FD,
} from '../uapi/liveupdate.js';
import {
  LUO_IOCTL_GET_STATE,
  LUO_SESSION_GET_STATE,
  LUO_SESSION_SET_EVENT,
  LUO_SESSION_UNPRESERVE_FD,
} from '../uapi/liveupdate-extensions.js';
import { KernelError } from './error.js';
import { passedKinds } from './fs/passed-kinds.js';
import type { Handover, UserAddress } from './hardware.js';
import { Kernel, type Profile } from './kernel.js';
import { FakeHardware } from './testing/fake-hardware.js';
import type { FakeFileOptions, FakeHost } from './testing/fake-host.js';
import { FakeMachine, leftovers } from './testing/fake-machine.js';
import { address } from './testing/fake-memory.js';
import { FakeTask } from './testing/fake-task.js';
import { PassingModule } from './testing/passing-module.js';
import { Random } from './testing/random.js';
import { PAGE_SIZE, pageFrameNumber, physicalAddress } from './units.js';

const CASES = Number(process.env['LUO_FUZZ_CASES'] ?? 100_000);
const SEED = Number(process.env['LUO_FUZZ_SEED'] ?? 1);

/** Runs a case for each seed, and tells the seed of one that fails. */
function fuzz(cases: number, run: (random: Random) => void): void {
  for (let seed = SEED; seed < SEED + cases; seed += 1) {
    try {
      run(new Random(seed));
    } catch (error) {
      throw new Error(`LUO_FUZZ_SEED=${seed} failed: ${error}`, { cause: error });
    }
  }
}

/** @returns what `run` returns, or undefined where it was refused; any other exception goes on */
function attempt<Result>(run: () => Result): Result | undefined {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    ok(errno[error.code] > 0);
    return undefined;
  }
}

// The calls of programs.

const commands = [
  LIVEUPDATE_IOCTL_CREATE_SESSION,
  LIVEUPDATE_IOCTL_RETRIEVE_SESSION,
  LIVEUPDATE_SESSION_PRESERVE_FD,
  LIVEUPDATE_SESSION_RETRIEVE_FD,
  LIVEUPDATE_SESSION_FINISH,
  LIVEUPDATE_SESSION_GET_NAME,
  LUO_IOCTL_GET_STATE,
  LUO_SESSION_GET_STATE,
  LUO_SESSION_SET_EVENT,
  LUO_SESSION_UNPRESERVE_FD,
];
const sizes = [0, 3, 4, 6, 7, 8, 9, 15, 16, 17, 64, 71, 72, 73, 4096, 5000];
const numbers = [0n, 1n, 2n, 3n, 4n, 5n, 6n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 63n, 2n ** 64n - 1n];

const socket: FakeFileOptions = { kind: 'other', type: 'socket', link: 'socket:[7]' };
const namedFile: FakeFileOptions = { kind: 'other', type: 'regular', link: '/file', links: 1, size: 7 };

/** How many calls a kernel gets before it ends and the next one begins. */
const CALLS_A_KERNEL = 200;

/** A machine in its second generation, with sessions of both kinds. */
function machineToCall(profile: Profile, extend: boolean): FakeMachine {
  const machine = new FakeMachine({
    profile,
    extend,
    pages: 160,
    preserve: passedKinds,
    modules: [new PassingModule('a-v1')],
  });
  const device = machine.openDevice();
  for (const name of ['a', 'b', 'c']) {
    const session = machine.create(device, name);
    machine.preserve(session, machine.memfd('text'), 1n);
    machine.preserve(session, machine.memfd('', { kind: 'other' }), 2n);
    machine.preserve(session, machine.memfd('', socket), 3n);
  }
  machine.kexec();
  const after = machine.openDevice();
  machine.retrieve(after, 'a');
  machine.create(after, 'a');
  return machine;
}

function randomCall(random: Random, machine: FakeMachine): void {
  const { task, kernel } = machine;
  const command = random.once(6) ? random.below(2 ** 32) : random.pick(commands) + (random.once(20) ? 0x100 : 0);
  const { kernelFds } = task;
  if (kernelFds.length === 0 || random.once(40))
    task.open(machine.host.file(random.pick([{}, { kind: 'other' }, socket, namedFile])));
  if (kernelFds.length === 0) {
    attempt(() => machine.openDevice());
    return;
  }
  const file = task.fileAt(random.pick(kernelFds));
  attempt(() => kernel.ioctl(file, command, randomArgument(random, task), task));
  if (task.fds.length > 12 || random.once(30)) task.close(random.pick(task.fds));
  if (random.once(50)) task.limit = random.once(3) ? task.fds.length : 1024;
}

/** A structure as programs make them, or nearly so, somewhere in the memory of the program. */
function randomArgument(random: Random, task: FakeTask): UserAddress {
  if (random.once(20)) return address(random.pick(numbers));
  if (random.once(50)) return address(random.u64());
  const size = random.pick(sizes);
  const bytes = new Uint8Array(Math.max(size, 4));
  const view = new DataView(bytes.buffer);
  if (random.once(4)) bytes.set(random.bytes(Math.min(bytes.length, 80)));
  view.setUint32(0, random.once(15) ? random.below(2 ** 32) : size, true);
  if (bytes.length >= 8) view.setUint32(4, random.once(2) ? 0 : Number(BigInt.asUintN(32, random.pick(numbers))), true);
  if (bytes.length >= 16) {
    // A token, or a name.
    if (random.once(2)) view.setBigUint64(8, random.pick(numbers), true);
    else bytes.set(new TextEncoder().encode(random.pick(['a', 'b', 'c', 'other', ''])), 8);
  }
  return task.memory.put(bytes, { writable: !random.once(15), beforeHole: random.once(3) });
}

for (const profile of ['linux', 'v5'] as const) {
  for (const extend of [false, true]) {
    test(`${profile}${extend ? ', extended' : ''}: whatever an ioctl gets, it is refused or done`, (context) => {
      const cases = Math.ceil((CASES * 0.6) / 4 / CALLS_A_KERNEL) * CALLS_A_KERNEL;
      for (let begun = 0; begun < cases; begun += CALLS_A_KERNEL) {
        const seed = SEED + begun;
        try {
          const random = new Random(seed);
          const machine = machineToCall(profile, extend);
          for (let call = 0; call < CALLS_A_KERNEL; call += 1) randomCall(random, machine);
          letGoOfTheRest(machine);
          deepEqual(leftovers(machine), []);
        } catch (error) {
          throw new Error(`LUO_FUZZ_SEED=${seed} failed: ${error}`, { cause: error });
        }
      }
      context.diagnostic(`${cases} calls, from seed ${SEED}`);
    });
  }
}

/** What no program retrieved is nobody's leak. */
function letGoOfTheRest(machine: FakeMachine): void {
  const { task, kernel } = machine;
  task.closeAll();
  task.limit = 1024;
  const device = machine.openDevice();
  for (const { name, retrieved } of kernel.state().incoming) if (!retrieved) machine.retrieve(device, name);
}

// What the last kernel left.

interface Left {
  /** What boots from it. */
  readonly profile: Profile;
  readonly ram: Uint8Array;
  readonly handover: Handover;
  /** The pages that are not all zero. */
  readonly used: readonly number[];
}

/** Sessions, memfds with pages, with holes and with nothing, files that pass as they are, those of a module, and FLBs. */
function leave(from: Profile, to: Profile): Left {
  const modules = [new PassingModule('a-v1', 'b-v1')];
  const machine = new FakeMachine({ profile: from, pages: from === 'v5' ? 64 : 48, preserve: passedKinds, modules });
  const device = machine.openDevice();
  const first = machine.create(device, 'first');
  machine.preserve(first, machine.memfd('x'.repeat(9000), { position: 7 }), 1n);
  machine.preserve(first, machine.memfd('', { size: 9000 }), 2n);
  const second = machine.create(device, 'second');
  machine.preserve(second, machine.memfd(''), 1n);
  machine.preserve(second, machine.memfd('', { kind: 'other' }), 2n);
  machine.preserve(second, machine.memfd('', { kind: 'other' }), 3n);
  machine.preserve(second, machine.memfd('', socket), 4n);
  machine.preserve(second, machine.memfd('', namedFile), 5n);
  machine.create(device, 'empty');
  const handover = machine.kernel.reboot();
  const { ram } = machine.hardware;
  const pages = Array.from({ length: ram.length / PAGE_SIZE }, (_, i) => i);
  const used = pages.filter((page) =>
    ram.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE).some((byte) => byte !== 0),
  );
  return { profile: to, ram, handover, used };
}

/** Numbers that a kernel may trip over, wherever it reads them. */
function trap(random: Random, { ram, used }: Left): bigint {
  const page = BigInt(random.pick(used) * PAGE_SIZE);
  switch (random.below(8)) {
    case 0:
      return page;
    case 1:
      return page + BigInt(random.below(PAGE_SIZE));
    case 2:
      return BigInt(ram.length) + BigInt(random.below(3) - 1) * BigInt(PAGE_SIZE);
    case 3:
      return 2n ** BigInt(random.pick([28, 30, 31, 32, 40, 52, 53, 63])) - BigInt(random.below(2));
    case 4:
      return 2n ** 64n - 1n - BigInt(random.below(PAGE_SIZE));
    case 5:
      return BigInt(random.below(600));
    case 6:
      // A page of a region, and a page below or above.
      return 2n ** 28n + BigInt(random.below(4)) * 2n ** 18n + BigInt(random.below(5) - 2);
    default:
      return random.u64();
  }
}

/** Where a word of a page is that says something: one that is not 0, most of the time. */
function wordIn(random: Random, left: Left, ram: Uint8Array): number {
  const page = random.pick(left.used) * PAGE_SIZE;
  for (let tries = 0; tries < 24; tries += 1) {
    const at = page + random.below(PAGE_SIZE / 8) * 8;
    if (ram.subarray(at, at + 8).some((byte) => byte !== 0)) return at;
  }
  // What pages say, they say at their beginning.
  return page + random.below(24) * 8;
}

function damage(random: Random, left: Left, ram: Uint8Array): void {
  const view = new DataView(ram.buffer, ram.byteOffset, ram.length);
  const at = wordIn(random, left, ram);
  const from = random.pick(left.used) * PAGE_SIZE;
  const to = random.pick(left.used) * PAGE_SIZE;
  switch (random.below(8)) {
    case 0:
      ram[at + random.below(8)] = random.below(256);
      break;
    case 1:
      view.setBigUint64(at, trap(random, left), true);
      break;
    case 2:
      view.setBigUint64(at, trap(random, left), false);
      break;
    case 3:
      view.setUint32(at + random.below(2) * 4, Number(BigInt.asUintN(32, trap(random, left))), true);
      break;
    case 4:
      // The tokens of a flattened devicetree, and lengths in it.
      view.setUint32(at + random.below(2) * 4, random.pick([1, 2, 3, 4, 9, 0, 8, 0xffff_ffff, 4096]), false);
      break;
    case 5:
      view.setBigUint64(at, view.getBigUint64(wordIn(random, left, ram), true), true);
      break;
    case 6:
      ram.copyWithin(to, from, from + random.pick([64, 512, PAGE_SIZE]));
      break;
    default:
      ram.fill(0, to + random.below(PAGE_SIZE), to + PAGE_SIZE);
  }
}

/** The handover beside the RAM: mostly as it was, with files of a host that is new. */
function handoverOf(random: Random, { handover, ram }: Left, host: FakeHost): Handover {
  const change = random.below(12);
  const dropped = (which: number) => change === which && random.once(2);
  const [first] = handover.regions;
  const regions = handover.regions
    .filter(() => !dropped(0))
    .map((region, i) => {
      const descriptor = host.file({ size: region.pages * PAGE_SIZE });
      if (change === 1) return { ...region, descriptor, pages: random.below(2000) - 2 };
      if (change === 2) return { ...region, descriptor, start: first?.start ?? region.start };
      if (change !== 3 || i > 0) return { ...region, descriptor };
      return {
        ...region,
        descriptor,
        start: pageFrameNumber(random.pick([0, 1, 5, 2 ** 28 - 1, 2 ** 39, 2 ** 40 - 1])),
      };
    });
  const descriptors = handover.descriptors
    .filter(() => !dropped(4))
    .map(({ entry }) => ({
      entry: change === 5 ? BigInt(random.below(4)) : entry,
      descriptor: host.file({ kind: 'other' }),
    }));
  const root = random.once(50) ? physicalAddress(random.below(ram.length + PAGE_SIZE)) : handover.root;
  return { root, regions, descriptors };
}

const GUARD = 0x5a;

/** RAM between two pages in which nothing may be written, used again for each case. */
class GuardedRam {
  readonly #bytes: Uint8Array;
  readonly ram: Uint8Array;
  readonly #guard = Buffer.alloc(PAGE_SIZE, GUARD);

  constructor(length: number) {
    this.#bytes = new Uint8Array(length + 2 * PAGE_SIZE).fill(GUARD);
    this.ram = this.#bytes.subarray(PAGE_SIZE, PAGE_SIZE + length);
  }

  check(): void {
    for (const at of [0, this.#bytes.length - PAGE_SIZE]) {
      ok(this.#guard.equals(this.#bytes.subarray(at, at + PAGE_SIZE)), 'something was written outside of RAM');
    }
  }
}

/** A machine whose kernel, hardware and program are put in its place. */
const stage = new FakeMachine({ pages: 32 });

/** @returns whether the kernel booted */
function bootAndUse(hardware: FakeHardware, profile: Profile, handover: Handover): boolean {
  const host = hardware.files;
  const before = host.open.length;
  const modules = [new PassingModule('a-v1', 'b-v1')];
  const kernel = attempt(() =>
    Kernel.boot(hardware, { profile, modules, preserve: passedKinds, extend: true }, handover),
  );
  if (kernel === undefined) {
    deepEqual(host.open.length, before, 'the descriptors of a kernel that did not boot stay with the caller');
    return false;
  }
  const task = new FakeTask(kernel, host);
  Object.assign(stage, { kernel, hardware, task });
  useEverything(stage);
  task.closeAll();
  kernel.leaks();
  kernel.shutdown();
  deepEqual(host.open, []);
  return true;
}

function useEverything(machine: FakeMachine): void {
  const { kernel } = machine;
  const device = attempt(() => machine.openDevice());
  if (device === undefined) return;
  for (const { name, files } of kernel.state().incoming) {
    const session = attempt(() => machine.retrieve(device, name));
    if (session === undefined) continue;
    // The files with an odd token are only finished.
    for (const { token } of files) if (token % 2n === 0n) attempt(() => machine.retrieveFd(session, token));
    attempt(() => machine.finish(session));
  }
  const session = attempt(() => machine.create(device, 'new'));
  if (session !== undefined) {
    attempt(() => machine.preserve(session, machine.memfd('text'), 1n));
    attempt(() => machine.preserve(session, machine.memfd('', { kind: 'other' }), 2n));
  }
  if (attempt(() => kernel.reboot())) kernel.cancelReboot();
}

for (const [from, to] of [
  ['linux', 'linux'],
  ['v5', 'v5'],
  ['v5', 'linux'],
] as const) {
  test(`${from} to ${to}: whatever the last kernel seems to have left, it is refused or used`, (context) => {
    const left = leave(from, to);
    const cases = Math.ceil((CASES * 0.4) / 3);
    const guarded = new GuardedRam(left.ram.length);
    let booted = 0;
    fuzz(cases, (random) => {
      guarded.ram.set(left.ram);
      for (let changes = 1 + random.below(4); changes > 0; changes -= 1) damage(random, left, guarded.ram);
      const hardware = new FakeHardware(guarded.ram);
      if (bootAndUse(hardware, to, handoverOf(random, left, hardware.files))) booted += 1;
      guarded.check();
    });
    context.diagnostic(`${cases} cases, from seed ${SEED}: ${booted} kernels booted`);
  });
}
