/** `luo kexec --warm`: the next program starts while the last one still serves. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { MachineEvent } from '../machine/events.js';
import { skip } from '../testing/cases.js';
import { compile } from '../testing/compile.js';
import { launcher } from '../testing/launchers.js';
import { eventually, isAlive, Luo, type Running } from '../testing/luo.js';

const agent = skip ? '' : compile('test/programs/agent.c');
const programs = fileURLToPath(new URL('../../test/programs/', import.meta.url));

/** A program that preserves a count, and answers each line of its input from what the machine shows it. */
const answering = `"$0" fork; while read line; do test -c /dev/liveupdate && echo "old $line"; done`;
/** Says that it has started, and goes on when the test lets it. */
const waitForGate = 'echo "started $$"; until test -e gate; do sleep 0.01; done;';

function startAnswering(luo: Luo, ...options: string[]): Running {
  return luo.start(['run', '--name', 'a', ...options, 'sh', '-c', answering, agent], { keepInput: true });
}

async function answers(running: Running, line: string): Promise<void> {
  running.child.stdin?.write(`${line}\n`);
  await running.says(new RegExp(`^old ${line}$`, 'm'));
}

function openGate(luo: Luo): void {
  writeFileSync(join(luo.directory, 'gate'), '');
}

test('the next program runs while the last one answers; its open comes back when that has ended, with its memory', {
  skip,
}, async () => {
  await using luo = new Luo();
  const running = startAnswering(luo);
  await running.says(/^count 1 fork$/m);
  const kexec = luo.start(['kexec', '--warm', 'a', '--', 'sh', '-c', `${waitForGate} exec "$0" wait warm`, agent]);
  const [, pid] = await running.says(/^started (\d+)$/m);
  await answers(running, '1');
  await answers(running, '2');
  assert.match((await luo.run(['ps'])).stdout, /^a +1 +2 +1 +1 +12\.0 KiB /m, 'the one that starts is not counted');
  openGate(luo);
  const { code, stdout, stderr } = await kexec.result;
  assert.deepEqual([code, stdout], [0, '']);
  assert.match(stderr, /^luo: kexec: generation 2, 1 session, 1 file, 12\.0 KiB, blackout \d+\.\d ms\n$/);
  await running.says(/^count 2 wait warm$/m);
  assert.ok(isAlive(Number(pid)), 'it is the very process that was started first');
  assert.match((await luo.run(['ps'])).stdout, /^a +2 +1 +1 +1 +12\.0 KiB /m, 'and the others have ended');
  assert.equal((await luo.run(['kexec', 'a'])).code, 0);
  assert.equal((await luo.run(['stop', 'a'])).code, 0);
  assert.doesNotMatch(running.stderr, /Cannot/);
  await luo.nothingIsLeft();
});

test('programs follow each other warm for 10 generations, and without a command the same one does', {
  skip,
}, async () => {
  await using luo = new Luo();
  const running = luo.start(['run', '--name', 'a', agent, 'wait']);
  for (let generation = 2; generation <= 11; generation++) {
    await running.says(new RegExp(`^count ${generation - 1} wait$`, 'm'));
    const { code, stderr } = await luo.run(['kexec', '--warm', 'a']);
    assert.equal(code, 0, stderr);
  }
  await running.says(/^count 11 wait$/m);
});

test('a program of Node that loads its modules first finds its state', async () => {
  await using luo = new Luo();
  const command = [process.execPath, join(programs, 'client-state.mjs')];
  const running = luo.start(['run', '--name', 'a', '--', ...command]);
  await running.says(/^generation 1 done$/m);
  const second = await luo.run(['kexec', '--warm', 'a']);
  assert.equal(second.code, 0, second.stderr);
  await running.says(/^generation 2 done$/m);
  assert.equal((await luo.run(['kexec', '--warm', 'a'])).code, 0);
  const { code, stderr } = await running.result;
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /Error/);
});

test('a program of Node that uses the C library is served from its open on', async () => {
  await using luo = new Luo();
  const running = luo.start(['run', '--name', 'a', '--strict', '--', process.execPath, join(programs, 'agent.mjs')]);
  await running.says(/^count 1$/m);
  assert.equal((await luo.run(['kexec', '--warm', 'a'])).code, 0);
  await running.says(/^count 2$/m);
});

test('what the program has started before its open belongs to its generation: children, and daemons', {
  skip,
}, async () => {
  await using luo = new Luo();
  const running = luo.start(['run', '--name', 'a', agent, 'wait']);
  await running.says(/^count 1 wait$/m);
  // The parents of the daemon are gone when the kexec comes, and nothing in its environment tells where it is from.
  const daemon = 'env -i setsid /bin/sh -c "/bin/sleep 1000 & echo daemon \\$!"; ';
  const script = `sleep 1000 & echo "child $!"; ${daemon} exec "$0" wait`;
  assert.equal((await luo.run(['kexec', '--warm', 'a', '--', 'sh', '-c', script, agent])).code, 0);
  await running.says(/^count 2 wait$/m);
  const pids = [...running.stdout.matchAll(/^(?:child|daemon) (\d+)$/gm)].map(([, pid]) => Number(pid));
  assert.equal(pids.length, 2);
  assert.deepEqual(pids.map(isAlive), [true, true]);
  assert.match((await luo.run(['ps'])).stdout, /^a +2 +3 /m);
  // They end with it.
  assert.equal((await luo.run(['kexec', 'a', '--', agent, 'wait', 'cold'])).code, 0);
  await running.says(/^count 3 wait cold$/m);
  assert.deepEqual(pids.map(isAlive), [false, false]);
});

test('a daemon may be what opens the device, and the program that started it may have ended', { skip }, async () => {
  await using luo = new Luo();
  const running = luo.start(['run', '--name', 'a', '--trace-json=events', agent, 'wait']);
  await running.says(/^count 1 wait$/m);
  const script = `echo "first $$"; (${waitForGate} exec "$0" until 3) & exit 0`;
  const kexec = luo.start(['kexec', '--warm', 'a', '--', 'sh', '-c', script, agent]);
  const [, first] = await running.says(/^first (\d+)$/m);
  await running.says(/^started \d+$/m);
  await eventually('the first program has ended', () => (isAlive(Number(first)) ? undefined : true));
  openGate(luo);
  assert.equal((await kexec.result).code, 0);
  // It goes into the next generation by itself, which runs the same command.
  const { code, stdout } = await running.result;
  assert.equal(code, 0);
  assert.match(stdout, /^count 2 until 3$/m);
  assert.match(stdout, /^count 3 until 3$/m);
  const exits = eventsOf(luo).filter(({ event }) => event === 'exit');
  assert.deepEqual(
    exits.map((event) => [event.generation, 'code' in event && event.code]),
    [
      [2, 0],
      [3, 0],
    ],
  );
});

test('the trace has the generation first, and then its open', { skip }, async () => {
  await using luo = new Luo();
  const running = luo.start(['run', '--name', 'a', '--trace-json=events', agent, 'wait']);
  await running.says(/^count 1 wait$/m);
  assert.equal((await luo.run(['kexec', '--warm', 'a'])).code, 0);
  await running.says(/^count 2 wait$/m);
  const told = eventsOf(luo);
  const begun = told.filter(
    (event) => event.event === 'generation' || (event.event === 'call' && event.call === 'open'),
  );
  assert.deepEqual(
    begun.map(({ event, generation }) => [event, generation]),
    [1, 2].flatMap((generation) => [
      ['generation', generation],
      ['call', generation],
    ]),
  );
});

test('while the program starts, what the last one has preserved keeps its size', { skip }, async () => {
  await using luo = new Luo();
  const running = luo.start(['run', '--name', 'a', 'sh', '-c', 'echo "pid $$"; exec "$0" wait', agent]);
  const [, pid] = await running.says(/^pid (\d+)$/m);
  await running.says(/^count 1 wait$/m);
  const script = `for fd in /proc/${pid}/fd/*; do case $(readlink $fd) in *memfd:*) : > $fd && echo emptied;; esac; done; exec "$0" wait`;
  assert.equal((await luo.run(['kexec', '--warm', 'a', '--', 'bash', '-c', script, agent])).code, 0);
  // The agent checks each byte.
  await running.says(/^count 2 wait$/m);
  assert.doesNotMatch(running.stdout, /emptied/);
  assert.match(running.stderr, /\/proc\/\d+\/fd\/\d+: Operation not permitted/);
});

test('where the last program ends meanwhile, the machine waits for the next one', { skip }, async () => {
  await using luo = new Luo();
  const running = luo.start(['run', '--name', 'a', 'sh', '-c', 'echo here; exec cat'], { keepInput: true });
  await running.says(/^here$/m);
  const kexec = luo.start(['kexec', '--warm', 'a', '--', 'sh', '-c', `${waitForGate} "$0" until 1; exit 7`, agent]);
  await running.says(/^started \d+$/m);
  running.child.stdin?.end();
  await eventually('the last program has ended', async () =>
    /^a +1 +0 /m.test((await luo.run(['ps'])).stdout) ? true : undefined,
  );
  openGate(luo);
  assert.equal((await kexec.result).code, 0);
  const { code, stdout } = await running.result;
  assert.equal(code, 7);
  assert.match(stdout, /^count 1 until 1$/m);
});

test('a program that loads an image meanwhile disturbs nothing', { skip }, async () => {
  await using luo = new Luo();
  const power = compile('test/programs/power.c');
  const script = 'echo here; until test -e load; do sleep 0.01; done; "$0" image && echo loaded; exec sleep 1000';
  const running = luo.start(['run', '--name', 'a', 'sh', '-c', script, power]);
  await running.says(/^here$/m);
  const kexec = luo.start(['kexec', '--warm', 'a', '--', 'sh', '-c', `${waitForGate} exec "$0" wait`, agent]);
  await running.says(/^started \d+$/m);
  writeFileSync(join(luo.directory, 'load'), '');
  await running.says(/^loaded$/m);
  // The image lets the process get ready that the next change will need.
  await launcher(true);
  openGate(luo);
  assert.equal((await kexec.result).code, 0);
  await running.says(/^count 1 wait$/m);
  assert.equal(running.stdout.match(/^started/gm)?.length, 1);
  assert.equal((await luo.run(['kexec', 'a'])).code, 0);
});

for (const [source, name] of [
  ['opens', 'openat2'],
  ['opens', 'bad-openat2'],
  ['opens', 'creat'],
  ['opens', 'paths'],
  ['opens', 'end-of-memory'],
  ['power', 'image'],
] as const) {
  test(`a program that begins with a call of ${source}.c ${name} waits in it, and is answered as any other`, {
    skip,
  }, async () => {
    await using luo = new Luo();
    const running = luo.start(['run', '--name', 'a', 'sh', '-c', 'echo here; exec sleep 1000']);
    await running.says(/^here$/m);
    const program = compile(`test/programs/${source}.c`);
    const kexec = await luo.run(['kexec', '--warm', 'a', '--', program, name]);
    assert.equal(kexec.code, 0, kexec.stderr);
    const { code, stderr } = await running.result;
    assert.match(stderr, /^luo: kexec: generation 2, [^\n]*\n$/);
    assert.equal(code, 0, stderr);
  });
}

function eventsOf(luo: Luo): MachineEvent[] {
  // The machine wrote them.
  const lines = readFileSync(join(luo.directory, 'events'), 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as MachineEvent);
}
