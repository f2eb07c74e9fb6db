import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { skip, testCase } from '../testing/cases.js';
import { compile } from '../testing/compile.js';
import { Luo } from '../testing/luo.js';

testCase('a strict machine has no io_uring, whose calls pass every filter', 'foreign', 'no-io_uring', ['--strict']);

test('io_uring is what it is elsewhere on a machine that is not strict', { skip }, async () => {
  await using luo = new Luo();
  const program = compile('test/programs/foreign.c');
  const elsewhere = execFileSync(program, ['io_uring-error'], { encoding: 'utf8' });
  assert.equal((await luo.run(['run', '--', program, 'io_uring-error'])).stdout, elsewhere);
});

const wrongProcessor = process.arch === 'x64' ? skip : 'x32 and i386 are system calls of x86-64 alone';
const ownDevice =
  existsSync('/dev/liveupdate') && 'this host has a /dev/liveupdate of its own, which 32-bit calls would reach';

describe('on x86-64', { skip: wrongProcessor }, () => {
  testCase('calls with x32 numbers do not exist', 'foreign', 'x32');

  test('calls with i386 numbers cannot stop the host, and find no device', {
    skip: ownDevice || no32BitCalls(),
  }, async () => {
    await using luo = new Luo();
    const { code, stderr } = await luo.run(['run', '--', compile('test/programs/foreign.c'), 'i386']);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  });

  test('a 32-bit program runs, finds no device, and cannot stop the host', {
    skip: ownDevice || no32BitPrograms(),
  }, async () => {
    await using luo = new Luo();
    const { code, stdout, stderr } = await luo.run(['run', '--', compile('test/programs/compatible.c', '-m32')]);
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: 'runs\n', stderr: '' });
  });
});

function no32BitCalls(): string | false {
  if (process.arch !== 'x64' || skip !== false) return false;
  try {
    execFileSync(compile('test/programs/foreign.c'), ['i386-getpid'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'this kernel has no 32-bit system calls (CONFIG_IA32_EMULATION)';
  }
}

function no32BitPrograms(): string | false {
  const calls = no32BitCalls();
  if (calls !== false || process.arch !== 'x64' || skip !== false) return calls;
  try {
    compile('test/programs/compatible.c', '-m32');
    return false;
  } catch {
    return 'no 32-bit program can be compiled: install gcc-multilib';
  }
}
