import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ManualClock } from './clock.js';

test('what falls due happens in order, each thing at its own time', () => {
  const clock = new ManualClock();
  const seen: string[] = [];
  for (const after of [30, 10, 20]) clock.after(after, () => seen.push(`${after} at ${clock.now()}`));
  clock.run(25);
  assert.deepEqual(seen, ['10 at 10', '20 at 20']);
  assert.equal(clock.now(), 25);
  assert.equal(clock.nextDue, 30);
});

test('actions of one instant happen in the order in which they were asked for', () => {
  const clock = new ManualClock(7);
  const seen: number[] = [];
  for (const number of [1, 2, 3]) clock.after(5, () => seen.push(number));
  clock.run(5);
  assert.deepEqual(seen, [1, 2, 3]);
});

test('a cancelled action does not happen, and cancelling one that happened does nothing', () => {
  const clock = new ManualClock();
  const seen: string[] = [];
  const cancel = clock.after(1, () => seen.push('cancelled'));
  const late = clock.after(2, () => seen.push('kept'));
  cancel();
  clock.run(2);
  late();
  cancel();
  assert.deepEqual(seen, ['kept']);
  assert.equal(clock.nextDue, undefined);
});

test('an action can ask for another, which happens in the same run where it falls due', () => {
  const clock = new ManualClock();
  const seen: number[] = [];
  const tick = () => {
    seen.push(clock.now());
    clock.after(10, tick);
  };
  clock.after(10, tick);
  clock.run(35);
  assert.deepEqual(seen, [10, 20, 30]);
});

test('an action can let time pass itself, and time never goes back', () => {
  const clock = new ManualClock();
  const seen: string[] = [];
  clock.after(10, () => {
    clock.advance(50);
    seen.push(`slow ended at ${clock.now()}`);
  });
  clock.after(20, () => seen.push(`second at ${clock.now()}`));
  clock.run(30);
  assert.deepEqual(seen, ['second at 20', 'slow ended at 60']);
  assert.equal(clock.now(), 60);
});

test('a time that is no time is refused', () => {
  const clock = new ManualClock();
  for (const time of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => clock.run(time), /Cannot let .* microseconds pass: it must be a number of at least 0/);
    assert.throws(() => clock.after(time, () => {}), RangeError);
  }
});

test('however time is cut into pieces, the same happens at the same times', () => {
  const times = fc.array(fc.nat(100), { maxLength: 10 });
  fc.assert(
    fc.property(times, times, (due, pieces) => {
      const whole = happenings(due, [pieces.reduce((sum, piece) => sum + piece, 0)]);
      assert.deepEqual(happenings(due, pieces), whole);
    }),
  );
});

function happenings(due: readonly number[], pieces: readonly number[]): string[] {
  const clock = new ManualClock();
  const seen: string[] = [];
  for (const [index, time] of due.entries()) clock.after(time, () => seen.push(`${index} at ${clock.now()}`));
  // What is due now happens as soon as anybody lets time pass, and be it none.
  for (const piece of [0, ...pieces]) clock.run(piece);
  return seen;
}
