import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { cannotBoot, findImage } from './image.js';

const directory = mkdtempSync(join(tmpdir(), 'luo-image-'));
const project = join(directory, 'project');
after(() => rmSync(directory, { recursive: true }));

test('findImage() takes what LUO_KERNEL says, and nothing else where that is not there', () => {
  const given = join(directory, 'given');
  writeFileSync(given, '');
  assert.equal(findImage({ LUO_KERNEL: given }, project), given);
  assert.throws(
    () => findImage({ LUO_KERNEL: '/none/bzImage' }, project),
    /^Error: Cannot boot the kernel of LUO_KERNEL: there is no file "\/none\/bzImage"\. Give the path of a bzImage$/,
  );
});

test('findImage() prefers the kernel that was built here to one beside the project', () => {
  assert.equal(findImage({}, project), undefined);
  const places = [join(directory, 'shared/kernel'), join(project, 'build/kernel')];
  for (const place of places) {
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'bzImage'), '');
    assert.equal(findImage({ LUO_KERNEL: '' }, project), join(place, 'bzImage'));
  }
});

test('cannotBoot() says what is missing and how to get it', () => {
  const noKernel = /scripts\/build-kernel\.sh.*LUO_KERNEL.*docs\/real-kernel\.md/;
  assert.match(String(cannotBoot(undefined, 'x64')), noKernel);
  assert.match(String(cannotBoot('/boot/bzImage', 'arm64')), /for x86-64, .* for arm64$/);
  const { PATH = '' } = process.env;
  process.env['PATH'] = directory;
  try {
    assert.equal(cannotBoot('/boot/bzImage', 'x64'), 'there is no QEMU: apt-get install qemu-system-x86');
  } finally {
    process.env['PATH'] = PATH;
  }
});
