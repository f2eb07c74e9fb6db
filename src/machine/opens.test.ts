import assert from 'node:assert/strict';
import { test } from 'node:test';
import { skip, testCase } from '../testing/cases.js';
import { compile } from '../testing/compile.js';
import { Luo } from '../testing/luo.js';

testCase('every descriptor is the lowest that is free, and close-on-exec as asked', 'opens', 'lowest');
testCase('openat2 opens the device, with O_CLOEXEC and without', 'opens', 'openat2');
testCase('openat2 is refused what the kernel refuses', 'opens', 'bad-openat2');
testCase('creat and O_CREAT open the device that is there', 'opens', 'creat');
testCase('the device is found by relative paths, directory descriptors and linked directories', 'opens', 'paths');
testCase('a path may end where the memory ends, and must end before', 'opens', 'end-of-memory');
testCase('a path may be as long as the kernel takes it, and no longer', 'opens', 'length');
testCase('a program without room for a descriptor gets EMFILE, and nothing is left of the call', 'opens', 'no-room');

test('the device is not left busy where luo itself has no descriptor for it', { skip }, async () => {
  await using luo = new Luo();
  const opens = compile('test/programs/opens.c');
  const prefix = ['bash', '-c', 'ulimit -n 100; exec "$@"', 'bash'];
  const { code, stderr } = await luo.run(['run', '--', opens, 'no-room-in-luo'], { prefix });
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^luo: Cannot take more descriptors for the programs[^\n]*\n$/);
});
