import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallEvent, EndEvent, StepEvent } from '../machine/events.js';
import { parseFault } from '../machine/fault-parser.js';
import type { Recording } from './recording.js';
import { faultsOf } from './world.js';

const moment = { at: 0, generation: 1, depth: 0, nth: 1, microseconds: 1 };
const call = (name: string, rest: Partial<CallEvent> = {}): CallEvent => {
  return { event: 'call', call: name, tid: 1, result: 0, ...moment, ...rest };
};
const step = (name: StepEvent['step'], rest: Partial<StepEvent> = {}): StepEvent => {
  return { event: 'step', step: name, ...moment, ...rest };
};
const kexec: EndEvent = { event: 'end', by: 'kexec', left: [], dropped: [], leaks: [], at: 0, generation: 1 };

function recording(...events: Recording['events']): Recording {
  return { events, tries: [], matched: [], milliseconds: 1 };
}

test('each call can be refused, interrupted, and be the last of its agent', () => {
  assert.deepEqual(faultsOf(recording(call('open'), call('RETRIEVE_FD', { session: 'a', token: '26' }))), [
    'kill_agent:before=open',
    'open:errno=EBUSY',
    'eintr:call=open',
    'emfile:call=open',
    'kill_agent:after=open',
    'retrieve_fd:session=a:token=0x1a:errno=ENOMEM',
    'eintr:call=retrieve_fd:session=a:token=0x1a',
    'emfile:call=retrieve_fd:session=a:token=0x1a',
    'kill_agent:after=retrieve_fd:session=a:token=0x1a',
  ]);
});

test('a call that is made again is another point, and every fault is one that luo reads', () => {
  const finish = call('FINISH', { session: 'a:b "c"' });
  const faults = faultsOf(recording(finish, finish, kexec), ['finish']);
  assert.deepEqual(faults, [
    'finish:session="a:b \\"c\\"":errno=EBUSY',
    'finish:session="a:b \\"c\\"":nth=2:errno=EBUSY',
  ]);
  assert.deepEqual(
    faults.map(parseFault).map(({ session, nth }) => [session, nth]),
    [
      ['a:b "c"', 1],
      ['a:b "c"', 2],
    ],
  );
});

test('a reboot is refused, and neither interrupted nor the last call of its agent', () => {
  assert.deepEqual(faultsOf(recording(call('reboot'), call('open'))).slice(0, 3), [
    'reboot:errno=EBUSY',
    'kill_agent:before=open',
    'open:errno=EBUSY',
  ]);
});

test('steps of the kernel fail; of many allocations the first and the last', () => {
  const events = [
    step('freeze', { session: 'a', token: '1' }),
    step('allocate', { nth: 3, count: 40 }),
    step('kho_finalize'),
  ];
  assert.deepEqual(faultsOf(recording(...events)), [
    'freeze:session=a:token=0x1:errno=EBUSY',
    'allocate:nth=3:errno=ENOMEM',
    'allocate:nth=42:errno=ENOMEM',
  ]);
});

test('what the first kernel does before there is an agent is left alone', () => {
  const begun = { event: 'generation', at: 1, generation: 1, argv: ['agent'] } as const;
  const events = [step('allocate'), begun, step('allocate', { nth: 2 })];
  assert.deepEqual(faultsOf(recording(...events)), ['allocate:nth=2:errno=ENOMEM']);
});

test('a kexec that luo does can be refused, and be cut short at each step', () => {
  const faults = faultsOf(recording(kexec));
  assert.deepEqual(faults.slice(0, 3), [
    'reboot:errno=EBUSY:generation=1',
    'kill_machine:after=check:nth=1',
    'kill_machine:after=freeze:generation=1',
  ]);
  assert.equal(faults.length, 7);
  for (const fault of faults) parseFault(fault);
});
