import { deepEqual, equal, notEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { close, readBytes, socketPair, statDescriptor } from './descriptors.js';
import { spawn } from './libc.js';
import { descriptorLimits, openProcess, takeDescriptor, waitForChild } from './processes.js';

const ESRCH = -3;
const EBADF = -9;

function shell(script: string, descriptors = new Map<number, number>()): number {
  return spawn('/bin/sh', ['sh', '-c', script], ['PATH=/usr/bin:/bin'], descriptors);
}

test('waitForChild() tells how a child ended', () => {
  const exited = shell('exit 7');
  deepEqual(waitForChild(exited, true), { pid: exited, code: 7 });
  const killed = shell('kill -9 $$');
  deepEqual(waitForChild(killed, true), { pid: killed, signal: 9 });
  equal(waitForChild(killed, true), 'none');
});

test('waitForChild() does not wait where it should not', () => {
  const [ours, theirs] = socketPair();
  const pid = shell('read line <&3', new Map([[theirs, 3]]));
  close(theirs);
  equal(waitForChild(pid, false), undefined);
  close(ours);
  equal(waitForChild(pid, true) === undefined, false);
});

test('a child gets the descriptors that are named, under the numbers that they are given', () => {
  const [ours, theirs] = socketPair();
  const pid = shell('echo there >&5', new Map([[theirs, 5]]));
  close(theirs);
  equal(Buffer.from(readBytes(ours, 100, undefined)).toString(), 'there\n');
  close(ours);
  waitForChild(pid, true);
});

test('takeDescriptor() copies a descriptor of another process', () => {
  const [ours, theirs] = socketPair();
  const { inode } = statDescriptor(theirs);
  const pid = shell('read line <&3', new Map([[theirs, 3]]));
  close(theirs);
  const process = openProcess(pid);
  let copy = takeDescriptor(process, 3);
  // The shell may not have been executed yet: then the number is not its own.
  while (copy < 0 || statDescriptor(copy).inode !== inode) copy = takeDescriptor(process, 3);
  equal(takeDescriptor(process, 99), EBADF);
  close(copy);
  close(ours);
  waitForChild(pid, true);
  equal(takeDescriptor(process, 3), ESRCH);
  close(process);
});

test('a process that is not there has neither a descriptor nor limits', () => {
  const pid = shell('true');
  waitForChild(pid, true);
  equal(openProcess(pid) < 0, true);
  equal(descriptorLimits(pid), undefined);
  notEqual(descriptorLimits(0), undefined);
});
