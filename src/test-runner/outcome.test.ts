import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallEvent, MachineEvent } from '../machine/events.js';
import { judge } from './outcome.js';
import type { TestPlan } from './plan.js';
import type { Recording } from './recording.js';
import type { WorkerEvent } from './worker-protocol.js';

const plan: TestPlan = {
  stages: [1, 2].map((stage) => ({ argv: ['agent', String(stage)], env: [], cwd: '/' })),
  timeout: 1000,
  profile: 'linux',
  strict: false,
};
const FAULT = 'retrieve_fd:token=0x2:errno=ENOMEM';

const call = (generation: number, name: string, rest: Partial<CallEvent> = {}): CallEvent => {
  return {
    event: 'call',
    call: name,
    at: 0,
    generation,
    depth: 0,
    nth: 1,
    microseconds: 1,
    result: 0,
    session: 's',
    ...rest,
  };
};
const begin = (generation: number): MachineEvent => ({ event: 'generation', at: 0, generation, argv: [] });
const exit = (generation: number, how: { code?: number; signal?: string }): MachineEvent => {
  return { event: 'exit', at: 0, generation, ...how };
};
const end = (generation: number, by: 'kexec' | 'stop'): MachineEvent => {
  return { event: 'end', by, at: 0, generation, left: [], dropped: [], leaks: [] };
};

const first = [begin(1), call(1, 'open'), exit(1, { code: 0 }), end(1, 'kexec'), begin(2)];
const session = call(2, 'RETRIEVE_SESSION');
const one = call(2, 'RETRIEVE_FD', { token: '1' });
const two = call(2, 'RETRIEVE_FD', { token: '2' });
const struck = call(2, 'RETRIEVE_FD', { token: '2', error: 'ENOMEM', injected: FAULT });
const last = [call(2, 'FINISH'), exit(2, { code: 0 }), end(2, 'stop')];

function recording(events: readonly WorkerEvent[], rest: Partial<Recording> = {}): Recording {
  return { events, tries: [], matched: [], milliseconds: 5, ...rest };
}

const clean = recording([...first, session, one, two, ...last]);

/** What is made of a run that went so, with the fault in stage 2. */
function outcomeOf(events: readonly WorkerEvent[], rest: Partial<Recording> = {}, fault = FAULT): string {
  const { kind, text } = judge(fault, plan, clean, recording([...first, ...events], rest));
  return `${kind}: ${text}`;
}

test('an agent that passes all the same has handled it', () => {
  assert.equal(outcomeOf([session, one, struck, two, ...last]), 'handled: all state survived');
});

test('an agent that is well when it is run once more has given up', () => {
  const again = [struck, exit(2, { code: 4 }), { event: 'restart' } as const];
  assert.equal(
    outcomeOf([...again, session, one, two, ...last]),
    'gave-up: stage 2 exited with 4; run once more, all state is there',
  );
  assert.equal(
    outcomeOf([...again, session, exit(2, { code: 5 }), end(2, 'stop')]),
    'lost: stage 2 exited with 4; it was run once more: Stage 2 exited with 5',
  );
});

test('an agent that says that all is well without a file has lost it', () => {
  assert.equal(outcomeOf([session, one, struck, ...last]), 'lost: file 0x2 of session "s" did not pass');
});

test('a file that comes back from one kexec, and not from the next, is lost', () => {
  const again = (generation: number) => ({ ...one, generation });
  const goes = recording([...first, session, one, begin(3), again(3), ...last]);
  const stays = recording([...first, session, one, struck, begin(3), ...last]);
  assert.equal(judge(FAULT, plan, goes, stays).text, 'file 0x1 of session "s" did not pass');
});

test('a file that the kernel cannot give back is the one that may be missing', () => {
  const gone = { ...struck, injected: 'retrieve:session=s:token=2' };
  const lost = { session: 's', retrieved: true, finished: true, notRetrieved: ['2'] };
  const ended = { ...end(2, 'stop'), left: [lost] } as MachineEvent;
  const events = [session, one, gone, call(2, 'FINISH'), exit(2, { code: 0 }), ended];
  assert.equal(
    outcomeOf(events, {}, 'retrieve:session=s:token=2'),
    'gave-up: nothing is missing but the file that the fault took',
  );
  assert.match(outcomeOf([session, gone, ...events.slice(3)], {}, 'retrieve:session=s:token=2'), /^lost: /);
});

test('an agent that takes too long hangs, and one that a signal ends has crashed', () => {
  const interruption = { by: 'timeout', stage: 2, seconds: 1 } as const;
  assert.match(
    outcomeOf([session, struck], { interruption }),
    /^hung: Stage 2 took more than 1 s\. It did last: RETRIEVE_FD/,
  );
  assert.equal(
    outcomeOf([session, struck, exit(2, { signal: 'SIGSEGV' }), end(2, 'stop')]),
    'crashed: stage 2 was ended by SIGSEGV',
  );
});

test('an agent that the fault kills has not crashed', () => {
  const kill = 'kill_agent:after=retrieve_fd';
  const events = [{ ...one, injected: kill }, exit(2, { signal: 'SIGKILL' }), { event: 'restart' } as const];
  assert.equal(
    outcomeOf([...events, session, one, two, ...last], {}, kill),
    'gave-up: stage 2 was killed; run once more, all state is there',
  );
});

test('a fault that did not strike is told', () => {
  assert.equal(outcomeOf([session, one, two, ...last]), 'missed: the fault did not strike');
});

test('after the machine was killed, all must work from a cold boot', () => {
  const killed = recording(first.slice(0, 2), { interruption: { by: 'kill' } });
  const kindOf = (afterwards: Recording) => judge('kill_machine:after=boot', plan, clean, killed, afterwards).kind;
  assert.equal(kindOf(clean), 'gave-up');
  assert.equal(kindOf(recording(first.slice(0, 4))), 'lost');
  assert.equal(kindOf(recording(first, { interruption: { by: 'timeout', stage: 1, seconds: 1 } })), 'hung');
});
