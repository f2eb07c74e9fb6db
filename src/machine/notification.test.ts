/** What a service says of itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseNotification } from './notification.js';

test('a datagram has a value a line, of which luo takes those that it knows', () => {
  const text = 'MAINPID=12\nREADY=1\nSTATUS=all = well\nEXTEND_TIMEOUT_USEC=2500000\nX_OTHER=1';
  assert.deepEqual(parseNotification(text), { ready: true, status: 'all = well', extension: 2500 });
});

test('anything else says nothing', () => {
  for (const text of ['', 'READY', 'READY=0', 'ready=1', ' READY=1', '\0\0', 'STATUS', 'EXTEND_TIMEOUT_USEC=soon'])
    assert.deepEqual(parseNotification(text), { ready: false });
});
