import { deepEqual, equal, match } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { skip } from '../testing/cases.js';
import { compile } from '../testing/compile.js';
import { Luo } from '../testing/luo.js';

/** How many huge pages may be taken beyond those of the pool, while they can be had. */
const OVERCOMMIT = '/proc/sys/vm/nr_overcommit_hugepages';
/** What a case takes, and as many for what the kernel has not given back yet. */
const PAGES = 4;

for (const profile of ['linux', 'v5']) {
  test(`${profile}: a memfd of huge pages passes a live update: same bytes, size, position, seals and inode`, {
    skip,
  }, async (t) => {
    const program = withHugePages(t);
    if (program === undefined) return;
    await using luo = new Luo();
    const options = ['--name', 'm', '--abi', profile, '--preserve', 'hugetlb'];
    const running = luo.start(['run', ...options, '--', program, 'preserve']);
    const [, before] = await running.says(/^preserved inode (\d+)$/m);
    const { code, stderr } = await luo.run(['kexec', 'm', '--', program, 'retrieve']);
    equal(code, 0, stderr);
    const result = await running.result;
    match(result.stdout, new RegExp(`^retrieved inode ${before}$`, 'm'), result.stderr);
    equal(result.code, 0);
  });
}

test('a preserved memfd of huge pages keeps its pages, until its session is closed', { skip }, async (t) => {
  const program = withHugePages(t);
  if (program !== undefined) await run('run', '--preserve', 'hugetlb', '--', program, 'frozen');
});

test('a memfd of huge pages is ENOENT where they were not asked for, as on Linux', { skip }, async (t) => {
  const program = withHugePages(t);
  if (program !== undefined) await run('run', '--', program, 'refused');
});

async function run(...args: string[]): Promise<void> {
  await using luo = new Luo();
  const { code, stdout, stderr } = await luo.run(args);
  deepEqual({ code, stdout, stderr }, { code: 0, stdout: '', stderr: '' });
}

/**
 * The path of the program, with huge pages that it can take until the test is over. Skips the test where there are
 * none to be had.
 */
function withHugePages(t: TestContext): string | undefined {
  const program = compile('test/programs/hugetlb.c');
  if (canTake(program)) return program;
  try {
    const before = readFileSync(OVERCOMMIT, 'latin1');
    writeFileSync(OVERCOMMIT, `${Number(before) + PAGES}`);
    t.after(() => writeFileSync(OVERCOMMIT, before));
  } catch {
    // Not root, no huge pages at all, or a container: said below.
  }
  if (canTake(program)) return program;
  t.skip(`there are no huge pages: as root, echo ${PAGES} > /proc/sys/vm/nr_hugepages`);
  return undefined;
}

function canTake(program: string): boolean {
  return spawnSync(program, ['take']).status === 0;
}
