/** Creates and deletes buffers of a state without a pause, until an update ends it. Each generation checks the last one's. */
import assert from 'node:assert/strict';
import { PersistentState } from 'luo';

const LAST = 5;
const KEPT = 20;
/** Enough to be busy for longer than it takes to call for an update, and an end to what the session holds. */
const MOST = 3000;

const state = PersistentState.open('busy');
const generation = (state.get('generation') ?? state.create('generation', 1))[0] + 1;
assert.equal(state.isNew, generation === 1);
const numbers = state
  .keys()
  .filter((key) => key !== 'generation')
  .map(Number);
assert.ok(numbers.length <= KEPT + 1);
for (const [i, number] of numbers.entries()) {
  // None is missing, and none is another one's. The newest may not have been filled yet.
  assert.equal(number, numbers[0] + i);
  const bytes = state.get(String(number));
  assert.equal(bytes.length, 8);
  const value = new Float64Array(bytes.buffer, 0, 1)[0];
  assert.ok(value === number || (value === 0 && i === numbers.length - 1), `${number} has ${value}`);
}
state.preserve();
state.get('generation')[0] = generation;
console.log(`busy ${generation}`);
if (generation === LAST) process.exit(0);

let next = (numbers.at(-1) ?? 0) + 1;
for (let i = 0; i < MOST; i++, next++) {
  new Float64Array(state.create(String(next), 8).buffer)[0] = next;
  state.delete(String(next - KEPT));
}
setInterval(() => {}, 1000);
