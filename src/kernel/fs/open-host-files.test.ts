import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { FakeHost } from '../testing/fake-host.js';
import { HostFile, OpenFiles } from './file.js';

function openFile() {
  const host = new FakeHost();
  const files = new OpenFiles();
  const file = new HostFile(files, host, host.file());
  return { host, files, file };
}

test('an open file is found by any descriptor of it, and another open of its inode is not that file', () => {
  const { host, files, file } = openFile();
  equal(files.hosts.find(host.duplicate(file.descriptor), host), file);
  const another = new HostFile(files, host, host.reopen(file.descriptor, 0n));
  equal(files.hosts.find(host.duplicate(another.descriptor), host), another);
  equal(files.hosts.find(host.file(), host), undefined);
  equal(file.references, 1);
});

test('a file that was released is not found, whether it was looked for before or not', () => {
  for (const isLookedFor of [true, false]) {
    const { host, files, file } = openFile();
    const copy = host.duplicate(file.descriptor);
    if (isLookedFor) equal(files.hosts.find(copy, host), file);
    file.put();
    equal(files.hosts.find(copy, host), undefined);
  }
});
