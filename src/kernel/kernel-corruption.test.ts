import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KernelError } from './error.js';
import type { Handover } from './hardware.js';
import { Kernel, type KernelOptions } from './kernel.js';
import { FakeHardware } from './testing/fake-hardware.js';
import { FakeHost } from './testing/fake-host.js';
import { FakeMachine } from './testing/fake-machine.js';
import { FakeTask } from './testing/fake-task.js';
import { PAGE_SIZE } from './units.js';

/** What a kernel left in RAM: two sessions, files with pages, with holes only, and without anything. */
function leave(profile: KernelOptions['profile']) {
  const machine = new FakeMachine({ profile, pages: profile === 'v5' ? 80 : 40 });
  const device = machine.openDevice();
  const first = machine.create(device, 'first');
  machine.preserve(first, machine.memfd('x'.repeat(9000), { position: 7 }), 1n);
  machine.preserve(first, machine.memfd('', { size: 9000 }), 2n);
  const second = machine.create(device, 'second');
  machine.preserve(second, machine.memfd(''), 1n);
  const handover = machine.kernel.reboot();
  return { ram: machine.hardware.ram, handover };
}

/**
 * Boots on the RAM and uses everything that is there.
 *
 * @returns the sentences of all that was refused; any other exception is a failure of the test
 */
function bootAndUse(ram: Uint8Array, handover: Handover, profile: KernelOptions['profile']): string[] {
  const refusals: string[] = [];
  const attempt = <Result>(run: () => Result): Result | undefined => {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      refusals.push(`${error.code}: ${error.message}`);
      return undefined;
    }
  };
  // Nothing is in this RAM beside the page before and the page after: what is written there would show.
  const guarded = new Uint8Array(ram.length + 2 * PAGE_SIZE).fill(0x5a);
  guarded.set(ram, PAGE_SIZE);
  const host = new FakeHost();
  const regions = handover.regions.map((region) => ({
    ...region,
    descriptor: host.file({ size: region.pages * PAGE_SIZE }),
  }));
  const hardware = new FakeHardware(guarded.subarray(PAGE_SIZE, PAGE_SIZE + ram.length), host);
  const kernel = attempt(() => Kernel.boot(hardware, { profile }, { ...handover, regions }));
  if (kernel) useEverything(kernel, host, attempt);
  kernel?.shutdown();
  ok(guarded.subarray(0, PAGE_SIZE).every((byte) => byte === 0x5a));
  ok(guarded.subarray(PAGE_SIZE + ram.length).every((byte) => byte === 0x5a));
  if (kernel) deepEqual(host.open, []);
  return refusals;
}

function useEverything(kernel: Kernel, host: FakeHost, attempt: <R>(run: () => R) => R | undefined): void {
  const machine = new FakeMachine({ pages: 32 });
  Object.assign(machine, { kernel, task: new FakeTask(kernel, host) });
  const device = attempt(() => machine.openDevice());
  if (device === undefined) return;
  for (const { name, files } of kernel.state().incoming) {
    const session = attempt(() => machine.retrieve(device, name));
    if (session === undefined) continue;
    // The files with an odd token are only finished.
    for (const { token } of files.filter((file) => file.token % 2n === 0n)) {
      attempt(() => machine.retrieveFd(session, token));
    }
    attempt(() => machine.finish(session));
  }
  const session = attempt(() => machine.create(device, 'new'));
  if (session !== undefined) attempt(() => machine.preserve(session, machine.task.open(host.file({ size: 5 })), 1n));
  if (attempt(() => kernel.reboot())) kernel.cancelReboot();
  machine.task.closeAll();
}

for (const profile of ['linux', 'v5'] as const) {
  const { ram, handover } = leave(profile);
  const used = [...ram.keys()].filter((i) => ram[i] !== 0);

  test(`${profile}: what was left is used without a refusal`, () => {
    deepEqual(bootAndUse(ram.slice(), handover, profile), []);
  });

  test(`${profile}: whichever byte is flipped, all is well or a KernelError says what is not`, () => {
    let refused = 0;
    for (const i of used) {
      for (const flip of [0xff, 0x01, 0x80]) {
        const damaged = ram.slice();
        damaged[i] = (damaged[i] ?? 0) ^ flip;
        if (bootAndUse(damaged, handover, profile).length > 0) refused += 1;
      }
    }
    ok(refused > 200, `only ${refused} of ${3 * used.length} were noticed`);
  });

  test(`${profile}: whatever 8 bytes are written anywhere, all is well or a KernelError says what is not`, () => {
    const place = fc.constantFrom(...new Set(used.map((i) => i - (i % 8))));
    const value = fc.oneof(
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.integer({ min: 0, max: ram.length / PAGE_SIZE }).map((page) => BigInt(page * PAGE_SIZE)),
      fc.constantFrom(...used.map((i) => BigInt(i))),
      fc.constantFrom(2n ** 64n - 1n, 2n ** 63n, 2n ** 53n, 2n ** 40n, 2n ** 52n, 1n),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(place, value), { minLength: 1, maxLength: 3 }), (changes) => {
        const damaged = ram.slice();
        for (const [at, what] of changes) new DataView(damaged.buffer).setBigUint64(at, what, true);
        bootAndUse(damaged, handover, profile);
      }),
      { numRuns: 500 },
    );
  });
}

test('a handover whose files are gone is refused file by file', () => {
  const { ram, handover } = leave('linux');
  const refusals = bootAndUse(ram, { ...handover, regions: [] }, 'linux');
  equal(refusals.length, 1);
  ok(refusals[0]?.startsWith('EINVAL: Cannot restore a memfd: no region of 9000 bytes'));
});
