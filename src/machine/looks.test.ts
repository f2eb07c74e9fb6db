import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { skip, testCase } from '../testing/cases.js';
import { compile } from '../testing/compile.js';
import { Luo } from '../testing/luo.js';

testCase('descriptors have the links and the file system that systemd knows sessions by', 'looks', 'systemd');
testCase('the device looks like a character device to all calls that look at paths', 'looks', 'ls');
testCase('descriptors cannot be read, written or waited for on a strict machine', 'looks', 'strict', ['--strict']);
testCase('descriptors are no sockets and have no data on a strict machine', 'looks', 'no-socket', ['--strict']);
testCase('a session cannot be hung up by a call that is for sockets', 'looks', 'hang-up');

for (const [title, name, options] of [
  ['a retrieved file is the very one that was preserved, name and all', 'retrieved', []],
  ['a retrieved file has no name on a strict machine', 'retrieved-strictly', ['--strict']],
] as const) {
  test(title, { skip }, async () => {
    await using luo = new Luo();
    const program = compile('test/programs/looks.c');
    const { code, stdout, stderr } = await luo.run(['run', ...options, '--', program, name]);
    assert.deepEqual([code, stdout], [0, '']);
    assert.match(stderr, /^luo: kexec: generation 2, 1 session, 1 file, [^\n]*\n$/);
  });
}

async function output(argv: readonly string[]): Promise<string> {
  await using luo = new Luo();
  const { code, stdout, stderr } = await luo.run(['run', '--', ...argv]);
  assert.equal(code, 0, stderr);
  return stdout.trim();
}

test('a shell sees the device', async () => {
  const script =
    'test -c /dev/liveupdate && test -w /dev/liveupdate && ! test -x /dev/liveupdate && cd /dev && test -c liveupdate && echo seen';
  assert.equal(await output(['sh', '-c', script]), 'seen');
});

test('ls shows the device, and has nothing to complain of', async () => {
  await using luo = new Luo();
  const { code, stdout, stderr } = await luo.run(['run', '--', 'ls', '-l', '/dev/liveupdate']);
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, /^crw-------.* 10, 255 .*\/dev\/liveupdate\n$/);
});

test('node sees the device', async () => {
  const script = `
    const fs = require('node:fs');
    const device = '/dev/liveupdate';
    fs.accessSync(device, fs.constants.R_OK | fs.constants.W_OK);
    const fd = fs.openSync(device, 'r+');
    console.log(fs.existsSync(device), fs.statSync(device).isCharacterDevice(), fs.readlinkSync('/proc/self/fd/' + fd));
    fs.closeSync(fd);`;
  assert.equal(await output([process.execPath, '-e', script]), 'true true /dev/liveupdate');
});

const noPython = spawnSync('python3', ['-c', '']).status === 0 ? false : 'there is no python3';

test('python sees the device', { skip: noPython }, async () => {
  const script = [
    'import os, stat',
    'device = "/dev/liveupdate"',
    'fd = os.open(device, os.O_RDWR)',
    'print(os.path.exists(device), stat.S_ISCHR(os.stat(device).st_mode), os.access(device, os.W_OK), os.readlink(f"/proc/self/fd/{fd}"))',
  ].join('\n');
  assert.equal(await output(['python3', '-c', script]), 'True True True /dev/liveupdate');
});
