/** Faults of file handlers and FLBs: what memfds do not have. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { documentIn, stages } from '../testing/agents.js';
import { skip } from '../testing/cases.js';
import { Luo } from '../testing/luo.js';

const module = fileURLToPath(new URL('../../test/agents/shared.mjs', import.meta.url));

/** The outcome of each fault of a sweep, and what it says. */
async function sweepOver(habit: string, points: string): Promise<Readonly<Record<string, string>>> {
  await using luo = new Luo();
  const args = ['test', '--module', module, '--sweep', '--only', points, '--reporter', 'json', ...stages(habit)];
  const { problems, faults } = documentIn(await luo.run(args));
  assert.deepEqual(problems, []);
  await luo.nothingIsLeft();
  return Object.fromEntries(faults?.outcomes.map(({ fault, outcome }) => [fault, outcome]) ?? []);
}

test('a FINISH that a handler is not ready for is lost on who gives up, and not on who tries again', {
  skip,
}, async () => {
  const faults = ['0x1', '0x2'].map((token) => `can_finish:session=agent:token=${token}:errno=EBUSY`);
  const all = (outcome: string) => Object.fromEntries(faults.map((fault) => [fault, outcome]));
  assert.deepEqual(await sweepOver('counters', 'can_finish'), all('lost'));
  assert.deepEqual(await sweepOver('patient-counters', 'can_finish'), all('handled'));
});

test('an FLB that cannot be preserved or made again fails the call of the file that needs it', { skip }, async () => {
  assert.deepEqual(await sweepOver('counters', 'flb_preserve,flb_retrieve'), {
    'flb_preserve:nth=1:errno=ENOMEM': 'gave-up',
    // A file whose retrieve has failed is gone.
    'flb_retrieve:nth=1:errno=ENOMEM': 'lost',
  });
});

for (const [fault, call] of [
  ['can_finish:session=agent', 'FINISH failed with EBUSY'],
  ['flb_preserve:errno=ENOSPC', 'PRESERVE_FD failed with ENOSPC'],
  ['flb_retrieve', 'RETRIEVE_FD failed with EIO'],
] as const) {
  test(`${fault}: the program gets that error`, { skip }, async () => {
    await using luo = new Luo();
    const { stdout } = await luo.run(['test', '--module', module, '--inject', fault, ...stages('counters')]);
    const step = fault.replace(/:.*/, '');
    assert.match(stdout, new RegExp(`${step} failed with .* \\(fault: ${fault}\\)[\\s\\S]*${call}`));
  });
}
