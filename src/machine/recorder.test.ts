import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { KernelError } from '../kernel/error.js';
import { errno } from '../uapi/errno.js';
import type { MachineEvent } from './events.js';
import { Recorder } from './recorder.js';

function watched(): { recorder: Recorder; events: MachineEvent[] } {
  const recorder = new Recorder();
  const events: MachineEvent[] = [];
  recorder.watch((event) => events.push(event));
  return { recorder, events };
}

/** What an event says beside when it happened. */
function untimed(events: readonly MachineEvent[]): object[] {
  return events.map((event) => {
    const { at, ...rest } = event;
    equal(typeof at, 'number');
    if (!('microseconds' in rest)) return rest;
    const { microseconds, ...others } = rest;
    equal(microseconds >= 0, true);
    return others;
  });
}

test('what lies within a call comes before it, one deeper', () => {
  const { recorder, events } = watched();
  const call = recorder.begin(1);
  const step = recorder.begin(1);
  recorder.endStep(step, 'preserve', () => ({ session: 'vm', token: '1' }));
  recorder.endCall(call, 'PRESERVE_FD', () => ({ tid: 7, fd: 3, result: 0 }));
  deepEqual(untimed(events), [
    { event: 'step', generation: 1, depth: 1, step: 'preserve', nth: 1, session: 'vm', token: '1' },
    { event: 'call', generation: 1, depth: 0, call: 'PRESERVE_FD', nth: 1, tid: 7, fd: 3, result: 0 },
  ]);
});

test('something beside a call lies within nothing, and nothing within it', () => {
  const { recorder, events } = watched();
  const reboot = recorder.beginAside(1);
  recorder.endStep(recorder.begin(1), 'kexec_check', () => ({}));
  recorder.endCall(reboot, 'reboot', () => ({}));
  deepEqual(
    events.map((event) => 'depth' in event && event.depth),
    [0, 0],
  );
});

test('small steps are told together, before what comes next', () => {
  const { recorder, events } = watched();
  const call = recorder.begin(2);
  recorder.add(2, 'allocate', 1);
  recorder.add(2, 'kho_preserve_folio', 4);
  recorder.add(2, 'allocate', 2);
  const step = recorder.begin(2);
  recorder.add(2, 'allocate', 1);
  recorder.endStep(step, 'preserve', () => ({}));
  recorder.endCall(call, 'PRESERVE_FD', () => ({}));
  deepEqual(untimed(events), [
    { event: 'step', generation: 2, depth: 1, step: 'allocate', nth: 1, count: 2, pages: 3 },
    { event: 'step', generation: 2, depth: 1, step: 'kho_preserve_folio', nth: 1, count: 1, pages: 4 },
    { event: 'step', generation: 2, depth: 2, step: 'allocate', nth: 3, count: 1, pages: 1 },
    { event: 'step', generation: 2, depth: 1, step: 'preserve', nth: 1 },
    { event: 'call', generation: 2, depth: 0, call: 'PRESERVE_FD', nth: 1 },
  ]);
});

test('those that nobody sees are counted', () => {
  const recorder = new Recorder();
  const never = () => {
    throw new Error('nobody asked');
  };
  recorder.endCall(recorder.begin(1), 'FINISH', never);
  recorder.add(1, 'allocate', 1);
  recorder.endStep(recorder.begin(1), 'finish', never);
  const events: MachineEvent[] = [];
  const end = recorder.watch((event) => events.push(event));
  recorder.endCall(recorder.begin(1), 'FINISH', () => ({}));
  recorder.add(1, 'allocate', 1);
  recorder.tell({ event: 'exit', generation: 1, code: 0 });
  end();
  recorder.tell({ event: 'exit', generation: 1, code: 0 });
  deepEqual(
    events.map((event) => ('nth' in event ? event.nth : event.event)),
    [2, 2, 'exit'],
  );
});

test('an error has its name, and the sentence where there is one', () => {
  const { recorder, events } = watched();
  const refusals = [
    errno.EBUSY,
    new KernelError('ENOENT', 'Cannot find it'),
    Object.assign(new Error('Not now'), { errno: errno.EAGAIN }),
    new Error('a bug'),
  ];
  for (const refusal of refusals) recorder.endCall(recorder.begin(1), 'FINISH', () => ({}), refusal);
  const told = events.map((event) => 'error' in event && [event.error, event.reason?.split(',')[0]]);
  deepEqual(told, [
    ['EBUSY', undefined],
    ['ENOENT', 'Cannot find it'],
    ['EAGAIN', 'Not now'],
    ['EIO', 'Error: a bug'],
  ]);
});

test('the fault that struck is told with what it struck', () => {
  const { recorder, events } = watched();
  const call = recorder.begin(1);
  call.injected = 'finish';
  recorder.endCall(call, 'FINISH', () => ({}), errno.EBUSY);
  equal('injected' in (events[0] ?? {}) && events[0]?.event === 'call' && events[0].injected, 'finish');
});

test('a call that is refused has the error that the program gets, whatever the reason is', () => {
  const { recorder, events } = watched();
  const refusal = { code: errno.EBUSY, error: new Error('another one is under way') };
  recorder.endCall(recorder.beginAside(1), 'reboot', () => ({ tid: 7 }), refusal);
  const [event] = events;
  deepEqual(event?.event === 'call' && [event.error, event.reason], ['EBUSY', 'another one is under way']);
});
