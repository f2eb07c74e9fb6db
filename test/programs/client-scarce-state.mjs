/**
 * A preserved state stays so where there is no descriptor to preserve it anew, and where the kernel refuses it: its
 * session "refused" is to be made with a fault. Run it with few descriptors.
 */
import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { PersistentState } from 'luo';

/** Longer than an index has room for. */
const LONG = 'k'.repeat(40_000);

for (const act of [(state) => state.create(LONG, 8), (state) => state.preserve()]) {
  for (let free = 0; ; free++) {
    const state = preserved(`scarce${free}`);
    state.delete('b');
    const held = allDescriptors();
    for (let i = 0; i < free; i++) closeSync(held.pop());
    const code = codeOf(() => act(state));
    for (const fd of held) closeSync(fd);
    assert.ok(state.isPreserved, `${act} with ${free} descriptors: ${code}`);
    state.close();
    if (code === undefined) break;
    assert.equal(code, 'EMFILE');
  }
}

const refused = preserved('refused');
assert.equal(
  codeOf(() => refused.create(LONG, 8)),
  'ENOMEM',
);
assert.ok(refused.isPreserved);
assert.deepEqual(refused.keys(), ['a', 'b']);

function preserved(name) {
  const state = PersistentState.open(name);
  state.create('a', 8);
  state.create('b', 8);
  state.preserve();
  return state;
}

function allDescriptors() {
  const fds = [];
  const code = codeOf(() => {
    for (;;) fds.push(openSync('/dev/null'));
  });
  assert.equal(code, 'EMFILE');
  return fds;
}

function codeOf(act) {
  try {
    act();
    return undefined;
  } catch (error) {
    return error.code;
  }
}
