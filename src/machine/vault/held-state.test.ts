import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { type Direction, HeldState, type JournalRecord, type Running } from './held-state.js';

const running = (generation: number): Running => ({
  generation,
  command: { argv: ['a'], env: [], cwd: '/' },
  profile: 'linux',
  modules: [],
});
const session = (name: string, direction: Direction = 'outgoing') => ({
  record: 'session' as const,
  direction,
  session: name,
});
const file = (name: string, token: string, vault: string | null, direction: Direction = 'outgoing') =>
  ({ record: 'file' as const, direction, session: name, token, handler: 'memfd-v2', vault }) satisfies JournalRecord;

function stateOf(...records: JournalRecord[]): HeldState {
  const state = new HeldState();
  for (const record of records) state.apply(record);
  return state;
}

/** `outgoing aa: 1=file-1` */
function lines(state: HeldState): string[] {
  return state.sessions.map(({ direction, session, files }) =>
    `${direction} ${session}: ${[...files.values()].map(({ token, vault }) => `${token}=${vault}`).join(' ')}`.trim(),
  );
}

test('what a kernel preserves is there for the next one, and what the last one left is gone then', () => {
  const state = stateOf({ record: 'boot', ...running(1) }, session('aa'), file('aa', '1', 'file-1'));
  deepEqual(state.apply({ record: 'kexec', ...running(2) }), []);
  state.apply(session('bb'));
  deepEqual(lines(state), ['incoming aa: 1=file-1', 'outgoing bb:']);
  deepEqual(state.apply({ record: 'kexec', ...running(3) }), ['file-1']);
  deepEqual(lines(state), ['incoming bb:']);
  equal(state.running?.generation, 3);
});

test('each way to let go of a file says which descriptor nothing refers to any more', () => {
  const two = [session('aa'), file('aa', '1', 'file-1'), file('aa', '2', 'file-2'), file('aa', '3', null)];
  const of = { direction: 'outgoing', session: 'aa' } as const;
  const after = (record: JournalRecord) => {
    const state = stateOf(...two);
    return [state.apply(record), lines(state)];
  };
  deepEqual(after({ record: 'unpreserved', ...of, token: '1' }), [['file-1'], ['outgoing aa: 2=file-2 3=null']]);
  deepEqual(after({ record: 'finished', ...of }), [['file-1', 'file-2'], ['outgoing aa:']]);
  deepEqual(after({ record: 'closed', ...of }), [['file-1', 'file-2'], []]);
  deepEqual(after({ record: 'boot', ...running(1) }), [['file-1', 'file-2'], []]);
  deepEqual(after({ record: 'ended' }), [['file-1', 'file-2'], []]);
  deepEqual(after(session('aa')), [['file-1', 'file-2'], ['outgoing aa:']]);
});

test('a session of the last kernel is over once it is finished, and what is not there is no error', () => {
  const state = stateOf(session('aa', 'incoming'), file('aa', '1', 'file-1', 'incoming'), session('aa'));
  deepEqual(state.apply({ record: 'finished', direction: 'incoming', session: 'aa' }), ['file-1']);
  deepEqual(lines(state), ['outgoing aa:']);
  deepEqual(state.apply({ record: 'closed', direction: 'incoming', session: 'aa' }), []);
  deepEqual(state.apply({ record: 'unpreserved', direction: 'outgoing', session: 'bb', token: '1' }), []);
});

test('what is inherited is all of both directions; of one name, the outgoing session', () => {
  const state = stateOf(session('aa', 'incoming'), session('bb', 'incoming'), session('bb'), session('cc'));
  const { sessions, hidden } = state.inherited();
  const of = (list: typeof sessions) => list.map(({ direction, session }) => `${direction} ${session}`);
  deepEqual(of(sessions), ['incoming aa', 'outgoing bb', 'outgoing cc']);
  deepEqual(of(hidden), ['incoming bb']);
});

test('the records of a state come to the same state', () => {
  const state = stateOf(
    { record: 'boot', ...running(4) },
    session('aa'),
    file('aa', '1', 'file-1'),
    session('bb', 'incoming'),
  );
  const again = stateOf(...state.records());
  deepEqual(lines(again), lines(state));
  deepEqual(again.running, state.running);
});
