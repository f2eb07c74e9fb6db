import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { errno } from '../uapi/errno.js';
import { numbers } from './architecture.js';
import { close, createMemory, readBytes, seek, writeBytes } from './descriptors.js';
import { syscall } from './libc.js';
import { scratch } from './scratch.js';
import { bytesInPipe, type TransferCall, transfer } from './transfer.js';

const SEEK_SET = 0;
const SEEK_CUR = 1;

function memory(text: string): number {
  const fd = createMemory('test', false);
  writeBytes(fd, Buffer.from(text), 0n);
  return fd;
}

function pipe(): [number, number] {
  const ends = scratch(8);
  equal(syscall(numbers.pipe2, ends.address, 0), 0);
  return [ends.view.getInt32(0, true), ends.view.getInt32(4, true)];
}

const textOf = (fd: number) => Buffer.from(readBytes(fd, 100, 0n)).toString('latin1');
const none = { inputOffset: undefined, outputOffset: undefined, flags: 0 };

for (const call of ['sendfile', 'copy_file_range'] as const) {
  test(`${call} copies from position to position, and moves both`, () => {
    const [input, output] = [memory('0123456789'), memory('..........')];
    seek(input, 2, SEEK_SET);
    seek(output, 5, SEEK_SET);
    equal(transfer(call, { ...none, input, output, length: 3n }), 3);
    equal(textOf(output), '.....234..');
    equal(seek(input, 0, SEEK_CUR), 5);
    equal(seek(output, 0, SEEK_CUR), 8);
    for (const fd of [input, output]) close(fd);
  });
}

test('copy_file_range copies from offset to offset, and moves no position', () => {
  const [input, output] = [memory('0123456789'), memory('..........')];
  const request = { ...none, input, output, inputOffset: 7n, outputOffset: 1n, length: 100n };
  equal(transfer('copy_file_range', request), 3);
  equal(textOf(output), '.789......');
  equal(seek(input, 0, SEEK_CUR), 0);
  equal(seek(output, 0, SEEK_CUR), 0);
  for (const fd of [input, output]) close(fd);
});

test('splice takes out of a pipe, and bytesInPipe() tells what is in it', () => {
  const [[input, writer], output] = [pipe(), memory('..........')];
  writeBytes(writer, Buffer.from('abcdef'), undefined);
  equal(bytesInPipe(input), 6);
  equal(transfer('splice', { ...none, input, output, outputOffset: 2n, length: 4n }), 4);
  equal(textOf(output), '..abcd....');
  equal(bytesInPipe(input), 2);
  for (const fd of [input, writer, output]) close(fd);
});

test('what the kernel refuses is its negative error number', () => {
  const file = memory('text');
  for (const call of ['sendfile', 'splice', 'copy_file_range'] satisfies TransferCall[])
    equal(transfer(call, { ...none, input: file, output: -1, length: 1n }), -errno.EBADF);
  equal(bytesInPipe(-1), -errno.EBADF);
  close(file);
});
