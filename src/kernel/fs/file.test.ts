import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { refused } from '../testing/expect.js';
import { FakeHost } from '../testing/fake-host.js';
import { address } from '../testing/fake-memory.js';
import { HostFile, OpenFiles } from './file.js';

function openFile() {
  const host = new FakeHost();
  const files = new OpenFiles();
  const file = new HostFile(files, host, host.file());
  return { host, files, file };
}

test('a file is released at the last put', () => {
  const { host, files, file } = openFile();
  equal(file.get(), file);
  file.put();
  deepEqual([...files.live], [file]);
  file.put();
  deepEqual([...files.live], []);
  deepEqual(host.open, []);
});

test('a put too many is an error of the kernel', () => {
  const { file } = openFile();
  file.put();
  throws(() => file.put(), /given back twice/);
  throws(() => file.get(), /was released/);
});

test('files can be put to no effect once their kernel has ended', () => {
  const { host, files, file } = openFile();
  files.end();
  file.put();
  file.put();
  equal(host.open.length, 1);
});

test('a file has no commands of its own', () => {
  const { file, host } = openFile();
  refused('ENOTTY', () => file.ioctl(0, address(0n), {} as never));
  file.put();
  deepEqual(host.open, []);
});
