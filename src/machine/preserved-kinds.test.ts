import { deepEqual, ok, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { preservable } from '../kernel/kernel.js';
import { Luo } from '../testing/luo.js';
import { parseKinds } from './preserved-kinds.js';

test('parseKinds() takes the kinds that luo knows, with commas and blanks between them', () => {
  deepEqual(parseKinds('hugetlb'), ['hugetlb']);
  deepEqual(parseKinds('hugetlb, hugetlb'), ['hugetlb', 'hugetlb']);
});

test('the help of luo run and of luo test names all kinds', async () => {
  await using luo = new Luo();
  for (const command of ['run', 'test']) {
    const { stdout } = await luo.run([command, '--help']);
    ok(stdout.replace(/\s+/g, ' ').includes(`with commas between them: ${preservable.join(', ')} `), stdout);
  }
});

test('parseKinds() refuses any other, and names those that there are', () => {
  for (const [text, word] of [
    ['epolls', 'epolls'],
    ['hugetlb,Hugetlb', 'Hugetlb'],
    ['hugetlb,', ''],
    ['', ''],
  ] as const) {
    throws(() => parseKinds(text), {
      name: 'SetupError',
      message: `Cannot preserve files of kind "${word}": luo does not know it. With --preserve, luo can preserve ${preservable.join(', ')}`,
    });
  }
});
