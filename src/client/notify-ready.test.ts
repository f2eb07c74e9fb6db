/** A program tells that it serves. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { DatagramSocket } from '../host/datagram.js';
import { notifyReady } from '../index.js';

const directory = mkdtempSync(join(tmpdir(), 'luo-notify-'));
after(() => rmSync(directory, { recursive: true }));

function withSocket(path: string | undefined, action: () => void): void {
  const { NOTIFY_SOCKET: before } = process.env;
  if (path === undefined) delete process.env['NOTIFY_SOCKET'];
  else process.env['NOTIFY_SOCKET'] = path;
  try {
    action();
  } finally {
    if (before === undefined) delete process.env['NOTIFY_SOCKET'];
    else process.env['NOTIFY_SOCKET'] = before;
  }
}

test('whoever listens on $NOTIFY_SOCKET learns it, at a path and by an abstract name', () => {
  for (const path of [join(directory, 'notify'), `@luo-test-${process.pid}`]) {
    const socket = new DatagramSocket(path);
    try {
      withSocket(path, () => {
        assert.equal(notifyReady(), true);
        assert.equal(notifyReady('listening\non 80'), true);
      });
      assert.deepEqual([socket.receive(), socket.receive()], ['READY=1', 'STATUS=listening on 80\nREADY=1']);
    } finally {
      socket.close();
    }
  }
});

test('where nobody wants to know, nothing happens', () => {
  for (const path of [undefined, '', join(directory, 'nobody'), 'x'.repeat(200)])
    withSocket(path, () => assert.equal(notifyReady(), false));
});
