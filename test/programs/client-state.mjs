/** A persistent state over three generations: what is created, deleted, found and preserved again. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { LiveUpdate, LiveUpdateError, PersistentState, PersistentStateError } from 'luo';

const ODD_KEYS = ['', '__proto__', 'a\0b', '\ud800', 'ключ'];
/** More than one index of 64 KiB has room for. */
const MANY = 100;
const longKey = (i) => `${i} ${'k'.repeat(1000)}`;

const state = PersistentState.open('state');
const generation = (state.get('generation') ?? state.create('generation', 1))[0];
[first, second, third][generation]();
state.get('generation')[0] += 1;
console.log(`generation ${generation + 1} done`);
setInterval(() => {}, 1000);

function first() {
  assert.equal(state.isNew, true);
  assert.equal(state.isPreserved, false);
  const before = state.create('before', 10_000).fill(1);
  state.preserve();
  assert.equal(state.isPreserved, true);
  state.preserve();
  before.fill(2);
  // What comes after is preserved when it is created, and what is written later passes.
  state.create('after', 5000).fill(3);
  state.create('empty', 0);
  for (const key of ODD_KEYS) state.create(key, 4).set(Buffer.from(String(ODD_KEYS.indexOf(key))));
  new Float64Array(state.create('numbers', 16).buffer).set([1.5, -2]);

  const deleted = state.create('deleted', 4096).fill(9);
  assert.equal(state.delete('deleted'), true);
  assert.equal(state.delete('deleted'), false);
  assert.equal(deleted[4095], 9);
  assert.equal(state.get('deleted'), undefined);

  assert.equal(state.get('after'), state.get('after'));
  assert.throws(() => state.create('after', 1), { code: 'ERR_STATE_KEY_EXISTS', message: /"after" of state "state"/ });
  for (const length of [-1, 0.5, 2 ** 32 + 1]) assert.throws(() => state.create('wrong', length), RangeError);
  assert.throws(() => state.create(7, 1), TypeError);

  // While the program has the device, a state is told so, or uses it.
  {
    const device = LiveUpdate.open();
    assert.throws(() => PersistentState.open('other'), { name: 'LiveUpdateError', code: 'EBUSY' });
    const other = PersistentState.open('other', { liveUpdate: device });
    other.create('x', 1);
    other.preserve();
    assert.throws(() => PersistentState.open('state', { liveUpdate: device }).preserve(), { code: 'EEXIST' });
    other.close();
    other.close();
    for (const use of [() => other.get('x'), () => other.keys(), () => other.preserve(), () => other.delete('x')])
      assert.throws(use, { name: 'PersistentStateError', code: 'ERR_STATE_CLOSED', message: /it was closed$/ });
    device.createSession('other').close();

    // The session cannot be made anew, and stays as it is.
    assert.throws(() => state.preserve(), { code: 'EBUSY' });
    assert.equal(state.isPreserved, true);
    device.close();
    state.preserve();
    assert.equal(state.isPreserved, true);
  }
}

function second() {
  assert.equal(state.isNew, false);
  assert.equal(state.isPreserved, true);
  assert.deepEqual(state.keys(), ['generation', 'before', 'after', 'empty', ...ODD_KEYS, 'numbers']);
  assert.deepEqual(state.get('before'), new Uint8Array(10_000).fill(2));
  assert.deepEqual(state.get('after'), new Uint8Array(5000).fill(3));
  assert.equal(state.get('empty').length, 0);
  for (const [i, key] of ODD_KEYS.entries()) assert.equal(Buffer.from(state.get(key)).toString()[0], String(i));
  assert.deepEqual([...new Float64Array(state.get('numbers').buffer)], [1.5, -2]);

  // An index that grows out of its memory.
  const { length } = readdirSync('/proc/self/fd');
  // It takes a new session, and so the device: without it the buffer is refused, and all is as before.
  const device = LiveUpdate.open();
  let made = 0;
  const fill = () => {
    for (; made < MANY; made++) state.create(longKey(made), 1)[0] = made;
  };
  assert.throws(fill, { name: 'LiveUpdateError', code: 'EBUSY' });
  assert.equal(state.get(longKey(made)), undefined);
  assert.equal(state.isPreserved, true);
  device.close();
  fill();
  assert.equal(readdirSync('/proc/self/fd').length, length + MANY);
  for (const key of ['before', ...ODD_KEYS]) state.delete(key);
  for (let i = 0; i < MANY; i += 2) state.delete(longKey(i));
  // Without preserve(): what was deleted is in the session, and not in the index.
}

function third() {
  const odd = Array.from({ length: MANY / 2 }, (_, i) => 2 * i + 1);
  assert.deepEqual(state.keys(), ['generation', 'after', 'empty', 'numbers', ...odd.map(longKey)]);
  for (const i of odd) assert.equal(state.get(longKey(i))[0], i);
  assert.deepEqual(state.get('after'), new Uint8Array(5000).fill(3));
  refusedAsTooMany();
  assert.equal(state.get('after')[0], 3);
  state.close();
  assert.equal(new Error('state') instanceof PersistentStateError, false);
  process.exit(0);
}

/** The v5 series has 128 files a session. */
function refusedAsTooMany() {
  if (process.argv[2] !== 'v5') return;
  const keys = () => state.keys().length;
  const { length } = readdirSync('/proc/self/fd');
  const before = keys();
  let made = 0;
  assert.throws(
    () => {
      for (; made < 200; made++) state.create(`too many ${made}`, 1);
    },
    (error) =>
      error instanceof LiveUpdateError && error.code === 'ENOSPC' && /128 in the v5 series/.test(error.message),
  );
  assert.equal(keys(), before + made);
  assert.equal(readdirSync('/proc/self/fd').length, length + made);
  assert.equal(state.isPreserved, true);
}
