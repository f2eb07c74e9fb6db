/** Programs of every kind preserve a memfd and find it again, and need to know nothing of luo. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { compile, noCompiler } from '../testing/compile.js';
import { Luo } from '../testing/luo.js';
import { asOrdinaryUser, giveTo } from '../testing/user.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const path = (name: string) => join(root, 'test/programs', name);
const noGcc = noCompiler();
const missing = (program: string) => (spawnSync(program, ['--version']).error ? `there is no ${program}` : false);

function compileDynamic(luo: Luo): string {
  const output = join(luo.directory, 'dynamic');
  execFileSync('gcc', ['-O2', '-D_GNU_SOURCE', '-pthread', '-o', output, path('agent.c')]);
  return output;
}

/** The device is bash's, and its helper inherits it. */
const script = 'exec {device}<>/dev/liveupdate; export DEVICE=$device; "$0" wait & exec {device}>&-; wait';

const agents: ReadonlyArray<[what: string, skip: string | false, command: (luo: Luo) => readonly string[]]> = [
  ['a static program', noGcc, () => [compile('test/programs/agent.c')]],
  ['a dynamic program', noGcc, (luo) => [compileDynamic(luo)]],
  ['a program of many threads', noGcc, () => [compile('test/programs/agent.c'), 'thread']],
  [
    'a script of bash with a helper',
    noGcc || missing('bash'),
    () => ['bash', '-c', script, compile('test/programs/agent.c')],
  ],
  ['a script of Python', missing('python3'), () => ['python3', path('agent.py')]],
  ['a program of Node', false, () => [process.execPath, path('agent.mjs')]],
];

for (const [what, skip, command] of agents) {
  test(`${what} preserves a memfd and retrieves it`, { skip }, async () => {
    await using luo = new Luo();
    const running = luo.start(['run', '--name', 'a', ...command(luo)]);
    await running.says(/^count 1\b/m);
    assert.match((await luo.run(['kexec', 'a'])).stderr, /^luo: kexec: generation 2, 1 session, 1 file, /);
    await running.says(/^count 2\b/m);
    assert.equal((await luo.run(['stop', 'a'])).code, 0);
    assert.equal((await running.result).code, 128 + 15);
    await luo.nothingIsLeft();
  });
}

const ordinary = asOrdinaryUser();

test('all of luo works for an ordinary user', {
  skip: noGcc || (typeof ordinary === 'string' && ordinary),
}, async () => {
  await using luo = new Luo();
  const prefix = typeof ordinary === 'string' ? [] : ordinary;
  if (prefix.length > 0) giveTo(luo.directory);
  const user = (args: readonly string[]) => luo.run(args, { prefix });
  const agent = compile('test/programs/agent.c');
  const running = luo.start(['run', '--name', 'a', agent, 'wait'], { prefix });
  await running.says(/^count 1 wait$/m);
  assert.equal((await user(['run', '-d', '--name', 'd', agent, 'wait'])).code, 0);
  assert.match((await user(['ps'])).stdout, /^NAME [\s\S]*^a +1 +1 +1 +1 [\s\S]*^d +1 +1 /m);
  assert.equal((await user(['kexec', 'a'])).code, 0);
  await running.says(/^count 2 wait$/m);
  assert.equal((await user(['kexec', 'd', '--', agent, 'wait', 'x'])).code, 0);
  await luo.logMatches('d', /^count 2 wait x$/m);
  assert.match(
    (await user(['logs', 'd'])).stdout,
    /^count 1 wait$[\s\S]*^luo: kexec: generation 2, [\s\S]*^count 2 wait x$/m,
  );
  for (const name of ['a', 'd']) assert.equal((await user(['stop', name])).code, 0);
  await luo.nothingIsLeft();
});
