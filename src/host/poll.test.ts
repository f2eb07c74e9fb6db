import { deepEqual, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { close, send, socketPair } from './descriptors.js';
import { Poll } from './poll.js';

const POLLIN = 1;
const POLLHUP = 16;

function ready(poll: Poll): [number, number][] {
  const found: [number, number][] = [];
  poll.wait(0, (fd, events) => found.push([fd, events]));
  return found;
}

test('wait() tells what is readable and what has hung up, and nothing else', () => {
  const poll = new Poll();
  const [[one, other], [third, fourth]] = [socketPair(), socketPair()];
  poll.add(one);
  poll.add(third);
  deepEqual(ready(poll), []);
  send(other, 'x');
  deepEqual(ready(poll), [[one, POLLIN]]);
  close(fourth);
  deepEqual(ready(poll), [
    [one, POLLIN],
    [third, POLLIN | POLLHUP],
  ]);
  poll.remove(one);
  deepEqual(ready(poll), [[third, POLLIN | POLLHUP]]);
  for (const fd of [one, other, third]) close(fd);
});

test('a handler may remove what is ready too', () => {
  const poll = new Poll();
  const pairs = [socketPair(), socketPair()];
  for (const [ours, theirs] of pairs) {
    poll.add(ours);
    send(theirs, 'x');
  }
  poll.wait(-1, (fd) => poll.remove(fd));
  deepEqual(ready(poll), []);
  for (const fd of pairs.flat()) close(fd);
});

test('there is room for 16 descriptors', () => {
  const poll = new Poll();
  for (let fd = 0; fd < 16; fd++) poll.add(fd);
  throws(() => poll.add(16), RangeError);
});
