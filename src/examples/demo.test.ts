import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { noCompiler } from '../testing/compile.js';
import { eventually, Luo, type Running, type RunSettings } from '../testing/luo.js';

const program = fileURLToPath(new URL('./demo.js', import.meta.url));

/** Starts the demo with a directory of its own for all that it makes. */
function startDemo(luo: Luo, args: readonly string[], env: RunSettings['env'] = {}): Running {
  mkdirSync(temporary(luo), { recursive: true });
  return luo.startCommand([process.execPath, program, ...args], { env: { TMPDIR: temporary(luo), ...env } });
}

function temporary(luo: Luo): string {
  return join(luo.directory, 'tmp');
}

suite('npm start', { skip: noCompiler() }, () => {
  test('shows a live update with what happened when, and leaves nothing behind', async () => {
    await using luo = new Luo();
    const { code, stdout, stderr } = await startDemo(luo, ['--size', '16']).result;
    assert.equal(stderr, '');
    assert.equal(code, 0);
    const lines = stdout.trimEnd().split('\n');
    const times = lines.map((line) => Number(/^ *(\d+) ms {2}\S/.exec(line)?.[1]));
    assert.deepEqual(
      times,
      [...times].sort((a, b) => a - b),
    );
    for (const pattern of [
      /luo run --name demo -- \.\/agent-1 16$/,
      /agent 1: filled 16 MiB/,
      /preserved it in 2 sessions, 5 files; goes on writing$/,
      /luo kexec demo -- \.\/agent-2$/,
      /luo: kexec: generation 2, 2 sessions, 5 files, 16\.0 MiB, blackout [\d.]+ ms$/,
      /agent 2: retrieved 5 files; writes again, [\d.]+ ms after the last write of agent 1$/,
      /agent 2: 16 MiB checked by hash: same bytes, same size, same position$/,
      /agent 2: 5 of 5 files are the very same inode/,
      /agent 2: finished both sessions; the counter was \d+, is \d+, and goes on$/,
      /nothing is left of the machine; everything held$/,
    ]) {
      assert.equal(lines.filter((line) => pattern.test(line)).length, 1, `one line matches ${pattern}:\n${stdout}`);
    }
    assert.deepEqual(readdirSync(temporary(luo)), []);
  });

  for (const [what, sentence] of [
    ['byte', /other bytes than agent 1 left/],
    ['size', /another size: 4190208 bytes and not 4194304/],
    ['position', /another position: 2097154 and not 2097153/],
  ] as const) {
    test(`fails where the ${what} of a file is not what agent 1 wrote down`, async () => {
      await using luo = new Luo();
      const { code, stdout, stderr } = await startDemo(luo, ['--size', '16'], { AGENT_DAMAGE: what }).result;
      assert.equal(code, 1);
      assert.match(stderr, sentence);
      assert.doesNotMatch(stdout, /everything held/);
      assert.deepEqual(readdirSync(temporary(luo)), []);
    });
  }

  test('leaves nothing behind when it is interrupted', async () => {
    await using luo = new Luo();
    const demo = startDemo(luo, ['--size', '64']);
    await demo.says(/agent 1: filled/);
    demo.child.kill('SIGINT');
    assert.equal((await demo.result).code, 130);
    assert.deepEqual(readdirSync(temporary(luo)), []);
    await eventually('no process of it is left', () => (agentsIn(temporary(luo)) === 0 ? true : undefined));
  });
});

test('npm start says how much memory is missing', async () => {
  await using luo = new Luo();
  const { code, stdout, stderr } = await startDemo(luo, ['--size', '100000000']).result;
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(stderr, /^Cannot show an agent with 100000000 MiB: it needs 100000200 MiB of memory, and \d+ MiB are/);
});

test('npm start says that a C compiler is missing, and how to get it', async () => {
  await using luo = new Luo();
  const { code, stdout, stderr } = await startDemo(luo, ['--size', '16'], { PATH: luo.directory }).result;
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(stderr, /^Cannot compile the agent: there is no gcc\. Install it/);
});

/** How many processes run a program below a directory, or one that was there. */
function agentsIn(directory: string): number {
  return readdirSync('/proc').filter((pid) => programOf(pid)?.startsWith(directory)).length;
}

/** Undefined for what is no process, or is gone, or somebody else's. */
function programOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return undefined;
  }
}
