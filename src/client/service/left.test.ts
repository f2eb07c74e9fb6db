/** What a generation left that is not whole, and names that are taken. */
import { equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { duplicate } from '../../host/descriptors.js';
import { Luo } from '../../testing/luo.js';
import { Slots } from './slots.js';

const program = fileURLToPath(new URL('../../../test/programs/service-left.mjs', import.meta.url));
const command = (...words: string[]) => ['--', process.execPath, program, ...words];

for (const [wrong, said] of [
  ['none', /^2 listens true 0$/m],
  [
    'version',
    /^2 fails: Cannot take over the connections in session "listen\/left\/0": version 2 of luo's index is newer than this one, 1\. Run the version of luo that wrote it$/m,
  ],
  ['token', /^2 fails: Cannot retrieve token 0x7 from session "listen\/left\/0": ENOENT/m],
] as const) {
  test(`connections in a session of which the index is wrong (${wrong}) are an error, or none`, async () => {
    await using luo = new Luo();
    const running = luo.start(['run', '--preserve', 'sockets', '--name', 'm', ...command('1', wrong)]);
    await running.says(/^left$/m);
    equal((await luo.run(['kexec', 'm', ...command('2', wrong)])).code, 0);
    await running.says(said);
  });
}

test('two servers of one name are an error of the second one, which leaves nothing', async () => {
  await using luo = new Luo();
  const running = luo.start(['run', '--preserve', 'sockets', '--name', 'm', ...command('1', 'twice')]);
  await running.says(/^1 fails: Cannot create session "listen\/left": EEXIST: .* or take another name$/m);
  await running.says(/^no descriptor is lost$/m);
});

test('slots are taken from the first that is free, and the next generation sees which are used', () => {
  const slots = new Slots();
  equal([0, 1, 2].map(() => slots.take()).join(), '0,1,2');
  slots.free(1);
  equal(Slots.read(duplicate(slots.memfd.fd)).join(), '0,2');
  equal(slots.take(), 1);
  for (let slot = 3; slot < 4096; slot++) slots.take();
  throws(() => slots.take(), /^Error: Cannot serve more than 4096 processes by one socket: end some$/);
  slots.memfd.close();
});
