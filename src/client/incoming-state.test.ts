import assert from 'node:assert/strict';
import { fstatSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { errno } from '../uapi/errno.js';
import { LiveUpdateError } from './error.js';
import { takeBuffers } from './incoming-state.js';
import type { LiveUpdateSession } from './session.js';

test('a file that is no memory is an error, and no descriptor of it stays open', () => {
  const fds: number[] = [];
  const session = fakeSession(() => {
    const fd = openSync('/dev/null', 'r');
    fds.push(fd);
    return fd;
  });
  assert.throws(() => takeBuffers(session), {
    name: 'PersistentStateError',
    code: 'ERR_STATE_DAMAGED',
    message: /has a file that is no memory/,
    session,
  });
  assert.equal(fds.length, 1);
  for (const fd of fds) assert.throws(() => fstatSync(fd), { code: 'EBADF' });
});

test('a session that the program has closed itself is not said to be open', () => {
  const closed = new LiveUpdateError({ operation: 'RETRIEVE_FD', action: 'retrieve' }, errno.EBADF);
  const session = fakeSession(() => {
    throw closed;
  });
  assert.throws(() => takeBuffers(session), closed);
});

/** A session whose files are what `retrieve` makes. */
function fakeSession(retrieve: () => number): LiveUpdateSession {
  // All that is used of one here.
  return { name: 'fake', retrieve } as unknown as LiveUpdateSession;
}
