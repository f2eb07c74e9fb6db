/** Serial ports belong to the last program until it has ended, however the next one opens them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { close } from '../host/descriptors.js';
import { openPty } from '../host/pty.js';
import { skip } from '../testing/cases.js';
import { compile } from '../testing/compile.js';
import { Luo } from '../testing/luo.js';
import { calls } from '../testing/serial.js';

for (const [how, script] of [
  ['its path', 'exec 3<>/dev/ttyUSB0; echo open; exec sleep 1000'],
  ['a relative path', 'cd /dev; exec 3<>ttyUSB0; echo open; exec sleep 1000'],
  ['O_NRESETDEV', '"$0" keep /dev/ttyUSB0; echo open; exec sleep 1000'],
] as const) {
  test(`a program that starts warm and opens a serial port by ${how} gets it when the last one has ended`, {
    skip,
  }, async () => {
    await using luo = new Luo();
    const port = compile('examples/serial/port.c', '-U_GNU_SOURCE');
    const last = 'exec 3<>/dev/ttyUSB0; echo first; exec sleep 1000';
    const running = luo.start(['run', '--name', 'a', '--serial=ttyUSB0=usb-serial,arduino', 'sh', '-c', last]);
    await running.says(/^first$/m);
    const { code, stderr } = await luo.run(['kexec', '--warm', 'a', '--', 'sh', '-c', script, port]);
    assert.equal(code, 0, stderr);
    await running.says(/^open$/m);
    assert.match((await luo.run(['ps'])).stdout, /^a +2 +1 /m);
    assert.equal((await luo.run(['kexec', '--warm', 'a', '--', 'sh', '-c', last])).code, 0);
    await running.says(/^first\n(?:.*\n)*first$/m);
  });
}

test('a port of the host waits as well, where it is opened with O_NRESETDEV by a path of the host', {
  skip,
}, async () => {
  await using luo = new Luo();
  const { master, device } = openPty();
  try {
    const path = `/dev/pts/${(device & 0xffn) | ((device >> 12n) & 0xfff00n)}`;
    const running = luo.start(['run', '--name', 'a', `--serial=ttyUSB0=${path}`, ...calls('say:first', 'await:never')]);
    await running.says(/^first$/m);
    const { code, stderr } = await luo.run(['kexec', '--warm', 'a', '--', ...calls(`open:k:${path}`, 'say:second')]);
    assert.equal(code, 0, stderr);
    const result = await running.result;
    assert.deepEqual([result.code, result.stdout], [0, 'first\nopen ok\nsecond\n']);
  } finally {
    close(master);
  }
});
