import assert from 'node:assert/strict';
import { closeSync, ftruncateSync, openSync, readFileSync, readlinkSync, readSync, writeSync } from 'node:fs';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Memfd } from './memfd.js';

test('a memfd has the name and size that it was made with, and is zero', () => {
  using memfd = Memfd.create('größe', { size: 5000 });
  assert.equal(readlinkSync(`/proc/self/fd/${memfd.fd}`), '/memfd:größe (deleted)');
  assert.equal(memfd.size, 5000);
  assert.deepEqual(memfd.map(), new Uint8Array(5000));
  assert.match(readFileSync(`/proc/self/fdinfo/${memfd.fd}`, 'latin1'), /^flags:\t02[0-7]{6}$/m);
});

test('map() is the memory itself, for everybody who has it', () => {
  using memfd = Memfd.create('shared', { size: 8192 });
  const [one, other] = [memfd.map(), memfd.map({ offset: 4096, length: 10 })];
  one[4096] = 42;
  assert.equal(other[0], 42);
  assert.equal(other.length, 10);
  writeSync(memfd.fd, 'written', 0);
  assert.equal(Buffer.from(one).toString('latin1', 0, 7), 'written');
  new Float64Array(one.buffer)[1] = 1.5;
  const read = Buffer.alloc(8);
  readSync(memfd.fd, read, 0, 8, 8);
  assert.equal(read.readDoubleLE(), 1.5);
});

test('an array stays good when the memfd is closed', () => {
  const memfd = Memfd.create('closed', { size: 4096 });
  const array = memfd.map();
  memfd.close();
  array.fill(7);
  assert.equal(array[4095], 7);
});

test('a mapping ends when no array refers to it any more, and not before', async () => {
  using memfd = Memfd.create('collected', { size: 4096 });
  const mappings = () => readFileSync('/proc/self/maps', 'latin1').split('/memfd:collected').length - 1;
  const kept = memfd.map().subarray(100, 200);
  for (let i = 0; i < 50; i++) memfd.map()[i] = i;
  await collectGarbage(() => mappings() === 1);
  assert.equal(mappings(), 1);
  kept.fill(9);
  assert.equal(memfd.map()[199], 9);
});

test('an array whose buffer a byte stream takes leads to the same memory, or is refused', async () => {
  using memfd = Memfd.create('streamed', { size: 65636 });
  const enqueue = (array: Uint8Array) =>
    new ReadableStream({ type: 'bytes', start: (controller) => controller.enqueue(array) });
  const whole = memfd.map({ length: 65536 });
  assert.throws(() => enqueue(whole), { name: 'TypeError', message: /could not be transferred/ });
  assert.equal(whole.length, 65536);
  const { value: moved }: { value?: unknown } = await enqueue(memfd.map()).getReader().read();
  assert.ok(moved instanceof Uint8Array);
  await collectGarbage(() => false);
  moved[65635] = 7;
  assert.equal(memfd.map()[65635], 7);
});

test('memory of no bytes maps to an array of none', () => {
  using memfd = Memfd.create('empty');
  assert.equal(memfd.map().length, 0);
});

test('a part that is not inside the file is refused, and so is one that no array can have', () => {
  using memfd = Memfd.create('parts', { size: 2 ** 32 + 8192 });
  assert.throws(() => memfd.map(), { name: 'RangeError', message: /at most 4 GiB, map parts by/ });
  assert.throws(() => memfd.map({ offset: 2 ** 32 + 8192, length: 1 }), /resize\(\) it first$/);
  for (const part of [{ offset: -4096 }, { offset: 0.5 }, { length: -1 }, { length: 1.5 }, { offset: 2 ** 33 }])
    assert.throws(() => memfd.map(part), { name: 'RangeError', message: /whole numbers from 0 are needed$/ });
  assert.throws(() => memfd.map({ offset: 100, length: 1 }), { code: 'EINVAL', message: /whole number of pages/ });
  const beyond = memfd.map({ offset: 2 ** 32, length: 8192 });
  beyond[8191] = 3;
  const read = Buffer.alloc(1);
  readSync(memfd.fd, read, 0, 1, 2 ** 32 + 8191);
  assert.equal(read[0], 3);
  assert.equal(memfd.map({ length: 2 ** 32 }).length, 2 ** 32);
});

test('resize() makes it longer by zeros, and never cuts off what an array may read', () => {
  using memfd = Memfd.create('resized', { size: 4096 });
  memfd.resize(100);
  memfd.resize(12288);
  memfd.map({ length: 8192 });
  memfd.resize(8192);
  assert.throws(() => memfd.resize(8191), { name: 'RangeError', message: /its first 8192 bytes may be in use$/ });
  for (const size of [-1, 0.5, Number.NaN]) assert.throws(() => memfd.resize(size), RangeError);
  assert.equal(memfd.size, 8192);
});

test('seals are told and added by name, and keep what they say', () => {
  using memfd = Memfd.create('sealed', { size: 4096, sealable: true });
  assert.deepEqual(memfd.seals, []);
  memfd.seal('grow', 'shrink');
  assert.deepEqual(memfd.seals, ['shrink', 'grow']);
  assert.throws(() => memfd.resize(8192), { code: 'EPERM', operation: 'ftruncate', syscall: 'ftruncate' });
  const array = memfd.map();
  assert.throws(() => memfd.seal('write'), { code: 'EBUSY', syscall: 'fcntl', message: /seal it before map\(\)/ });
  assert.equal(array.length, 4096);
  memfd.seal('future-write', 'seal');
  assert.throws(() => memfd.map(), { code: 'EPERM', message: /sealed against writing: read it with readSync/ });
  assert.throws(() => memfd.seal('write'), { code: 'EPERM' });
  // A caller in JavaScript may hand in anything.
  assert.throws(() => memfd.seal('toString' as 'write'), { name: 'TypeError', message: /one of seal, shrink, grow/ });
});

test('memory that was not made sealable has one seal, against seals', () => {
  using memfd = Memfd.create('plain');
  assert.deepEqual(memfd.seals, ['seal']);
  assert.throws(() => memfd.seal('grow'), { code: 'EPERM', message: /\{ sealable: true \}/ });
});

test('fromDescriptor() takes memory and nothing else', () => {
  const memfd = Memfd.fromDescriptor(Memfd.create('given', { size: 10 }).fd);
  assert.equal(memfd.size, 10);
  memfd.close();
  const other = openSync('/dev/null', 'r');
  assert.throws(() => Memfd.fromDescriptor(other), { code: 'EINVAL', message: /not that of a memfd$/ });
  closeSync(other);
  assert.throws(() => Memfd.fromDescriptor(other), { code: 'EBADF' });
  for (const fd of [-1, 1.5, 2 ** 31]) assert.throws(() => Memfd.fromDescriptor(fd), { name: 'TypeError' });
});

test('a memfd is closed once, and says so when it is used after', () => {
  const memfd = Memfd.create('used');
  const { fd } = memfd;
  memfd.close();
  memfd.close();
  assert.throws(() => ftruncateSync(fd, 0), { code: 'EBADF' });
  for (const use of [() => memfd.fd, () => memfd.size, () => memfd.map(), () => memfd.resize(1), () => memfd.seals])
    assert.throws(use, { code: 'EBADF', message: /memory "used" was closed: use it before close\(\)$/ });
});

test('a descriptor that somebody else closed is an error, once', () => {
  const memfd = Memfd.create('stolen');
  closeSync(memfd.fd);
  assert.throws(() => memfd.close(), { code: 'EBADF', operation: 'close', message: /^Cannot close memory "stolen"/ });
  memfd.close();
});

test('what is no name, size or page size is refused, and leaves no descriptor', () => {
  const free = freeDescriptor();
  assert.throws(() => Memfd.create('a\0b'), { name: 'RangeError', message: /has a NUL/ });
  assert.throws(() => Memfd.create('x'.repeat(250)), { code: 'EINVAL', message: /at most 249 bytes/ });
  for (const size of [-1, 0.5]) assert.throws(() => Memfd.create('x', { size }), RangeError);
  // Huge pages come whole, where the system has any.
  assert.throws(() => Memfd.create('x', { size: 100, hugeTLB: true }), { name: 'LiveUpdateError', code: /^E/ });
  for (const hugeTLB of [0, 1000, 3 << 20])
    assert.throws(() => Memfd.create('x', { hugeTLB }), /a power of two is needed/);
  assert.throws(() => Memfd.create('x', { hugeTLB: 2 ** 40 }), { operation: 'memfd_create' });
  assert.equal(freeDescriptor(), free);
});

function freeDescriptor(): number {
  const fd = openSync('/dev/null', 'r');
  closeSync(fd);
  return fd;
}

/** Collects what nothing refers to, until all of it that matters is gone, or for long enough. */
async function collectGarbage(isEnough: () => boolean): Promise<void> {
  setFlagsFromString('--expose-gc');
  // --expose-gc is for contexts that are made after it.
  const collect: () => void = runInNewContext('gc');
  for (let i = 0; i < 100 && !isEnough(); i++) {
    collect();
    await turn();
  }
}
