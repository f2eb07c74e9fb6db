/** Datagrams at a path. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { errno } from '../uapi/errno.js';
import { connectDatagram, DatagramSocket, sendDatagram } from './datagram.js';
import { pollOnce } from './poll.js';

const directory = mkdtempSync(join(tmpdir(), 'luo-datagram-'));
after(() => rmSync(directory, { recursive: true }));

const hasPython = existsSync('/usr/bin/python3');

/** Sends one datagram, as a program does that is none of Node's. */
function send(path: string, text: string): void {
  const script =
    'import socket,sys; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(sys.argv[2].encode(), sys.argv[1])';
  execFileSync('/usr/bin/python3', ['-c', script, path, text]);
}

test('what was sent is received one by one, and nothing is waited for', { skip: !hasPython && 'needs python3' }, () => {
  const path = join(directory, 'notify');
  const socket = new DatagramSocket(path);
  try {
    assert.equal(socket.receive(), undefined);
    send(path, 'first');
    send(path, 'second\n');
    assert.notEqual(pollOnce(socket.fd, 0), 0);
    assert.equal(socket.receive(), 'first');
    assert.equal(socket.receive(), 'second\n');
    assert.equal(socket.receive(), undefined);
  } finally {
    socket.close();
  }
});

test('a path that is taken or too long is refused, and leaves no descriptor', () => {
  const path = join(directory, 'taken');
  const socket = new DatagramSocket(path);
  try {
    assert.throws(() => new DatagramSocket(path), { name: 'SystemError', errno: 98 });
    assert.throws(() => new DatagramSocket(join(directory, 'x'.repeat(108))), RangeError);
    const next = new DatagramSocket(join(directory, 'free'));
    assert.equal(next.fd, socket.fd + 1);
    next.close();
  } finally {
    socket.close();
  }
});

test('a socket that is not there is refused, by a path or a name that is in no file system', () => {
  const path = join(directory, 'nobody');
  for (const reach of [connectDatagram, (name: string) => sendDatagram(name, 'text')]) {
    assert.throws(() => reach(path), { name: 'SystemError', errno: errno.ENOENT });
    assert.throws(() => reach(`@${path}`), { name: 'SystemError', errno: errno.ECONNREFUSED });
    assert.throws(() => reach('x'.repeat(200)), /^RangeError: Cannot use x+ for a socket: at most 107 bytes/);
  }
});
