import { deepEqual, equal, throws } from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { close } from '../host/descriptors.js';
import { SetupError } from '../host/directories.js';
import { errno } from '../uapi/errno.js';
import { deviceAt, deviceNumbers, whyNotOpen } from './device.js';
import { openPty } from './testing/pty.js';

function refusal(path: string, message: RegExp): void {
  throws(
    () => deviceAt(path, `hold ${path}`),
    (error) => error instanceof SetupError && message.test(error.message),
    path,
  );
}

test('what is no serial port is refused without an open', () => {
  refusal('/dev/no-such-port', /^Cannot hold \/dev\/no-such-port: there is no such device. luo serial list/);
  refusal('/dev/null/port', /there is no such device/);
  refusal('/etc/passwd', /it is no terminal/);
  refusal('/dev/null', /it is no terminal/);
  refusal('/dev/tty', /stands for another one/);
});

test('a pseudo-terminal is known by its number, by whatever path', (t) => {
  const { master, path } = openPty();
  const directory = mkdtempSync(join(tmpdir(), 'luo-device-'));
  t.after(() => rmSync(directory, { recursive: true }));
  symlinkSync(path, join(directory, 'port'));
  const [direct, linked] = [deviceAt(path, 'open it'), deviceAt(join(directory, 'port'), 'open it')];
  equal(direct.kind, 'pseudo-terminal');
  equal(linked.key, direct.key);
  close(master);
});

test('device numbers are split as the C library does', () => {
  deepEqual(deviceNumbers(0xbc00), [188, 0]);
  deepEqual(deviceNumbers(0x12345678), [0x456, 0x12378]);
});

test('each reason why a port cannot be opened says what to do', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'luo-device-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'port');
  writeFileSync(file, '');
  chmodSync(file, 0o660);
  equal(
    process.getgid?.() !== 0 ||
      /The group "root" may: join it with "sudo usermod -aG root \$USER"/.test(whyNotOpen(file, errno.EACCES)),
    true,
  );
  chmodSync(file, 0o600);
  equal(/Its owner may/.test(whyNotOpen(file, errno.EACCES)), true);
  const reasons = [errno.EBUSY, errno.ENOENT, errno.EIO, errno.ENOTTY, errno.EMFILE].map((one) =>
    whyNotOpen(file, one),
  );
  deepEqual(
    reasons.map((reason) => /TIOCEXCL|plugged in|no hardware|no terminal|EMFILE/.exec(reason)?.[0]),
    ['TIOCEXCL', 'plugged in', 'no hardware', 'no terminal', 'EMFILE'],
  );
});
