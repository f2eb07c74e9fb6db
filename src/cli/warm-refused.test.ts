/** `luo kexec --warm` that does not happen: the last program goes on as if nothing had been, and nothing is left. */
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { skip } from '../testing/cases.js';
import { compile } from '../testing/compile.js';
import { eventually, isAlive, Luo, type Running } from '../testing/luo.js';
import { statusOf } from '../testing/status.js';

const agent = skip ? '' : compile('test/programs/agent.c');
const waitForGate = 'echo "started $$"; until test -e gate; do sleep 0.01; done;';
const patient = ['--warm', '--warm-timeout=1000'];
const gated = ['sh', '-c', `${waitForGate} exec "$0" wait`, agent];

async function startAgent(luo: Luo, ...options: string[]): Promise<Running> {
  const running = luo.start(['run', '--name', 'a', ...options, agent, 'wait']);
  await running.says(/^count 1 wait$/m);
  return running;
}

/** Nothing of the program that was started first is left, and the last one is as it was: a later kexec tells. */
async function goesOn(luo: Luo, running: Running): Promise<void> {
  assert.match((await luo.run(['ps'])).stdout, /^a +1 +1 +1 +1 +12\.0 KiB /m);
  await nothingBeside(luo);
  const later = await luo.run(['kexec', '--warm', 'a', '--', agent, 'wait', 'later']);
  assert.equal(later.code, 0, later.stderr);
  await running.says(/^count 2 wait later$/m);
  assert.equal((await luo.run(['stop', 'a'])).code, 0);
  await luo.nothingIsLeft();
}

/** No process but luo run, the machine, the agent, and a launcher that may be there. */
async function nothingBeside(luo: Luo): Promise<void> {
  await eventually('no other process is left', () => (luo.processes().length <= 3 ? true : undefined));
}

const unchanged = 'Nothing was frozen, and everything goes on';
const early = (how: string) =>
  `luo: Cannot start a live update: "sh" ${how} before it opened /dev/liveupdate: see what it has said. ${unchanged}\n`;

for (const [title, script, sentence] of [
  ['exits', 'echo "I cannot" >&2; exit 3', early('exited with 3')],
  ['exits with 0', 'exit 0', early('exited with 0')],
  ['is killed', 'kill -9 $$', early('was ended by SIGKILL')],
  [
    'ends, with children that go on,',
    'sleep 1000 & setsid sh -c "sleep 1000 &" & wait $!; exit 4',
    early('exited with 4'),
  ],
] as const) {
  test(`a program that ${title} before it opens the device is told of, and the last one goes on`, {
    skip,
  }, async () => {
    await using luo = new Luo();
    const running = await startAgent(luo);
    const { code, stdout, stderr } = await luo.run(['kexec', '--warm', 'a', '--', 'sh', '-c', script]);
    assert.deepEqual({ code, stdout, stderr }, { code: 125, stdout: '', stderr: sentence });
    if (title === 'exits') await running.warns(/^I cannot$/m);
    await goesOn(luo, running);
  });
}

for (const [title, script, who] of [
  ['never opens the device', 'sleep 1000 & setsid sh -c "sleep 1000 &"; exec sleep 1000', '"sh"'],
  ['leaves a daemon that does not', 'setsid sh -c "sleep 1000 &"; exit 0', '"sh" exited with 0, and what it started'],
] as const) {
  test(`a program that ${title} is ended with all that it started when its time is over`, { skip }, async () => {
    await using luo = new Luo();
    const running = await startAgent(luo);
    const { code, stderr } = await luo.run(['kexec', '--warm-timeout=0.5', 'a', '--', 'sh', '-c', script]);
    assert.equal(code, 125);
    assert.equal(
      stderr,
      `luo: Cannot start a live update: ${who} has not opened /dev/liveupdate in 0.5 s, and was ended. --warm is for ` +
        'programs that open it once they are ready to take over: give this one more time (--warm-timeout), or leave ' +
        `--warm out. ${unchanged}\n`,
    );
    await goesOn(luo, running);
  });
}

test('a program that cannot be executed is told of, and the last one goes on', { skip }, async () => {
  await using luo = new Luo();
  const running = await startAgent(luo);
  const broken = join(luo.directory, 'broken');
  writeFileSync(broken, 'MZ\0\0');
  chmodSync(broken, 0o755);
  for (const [command, problem] of [
    ['nonexistent', /^luo: Cannot run "nonexistent": no such command in PATH/],
    [
      broken,
      /^luo: Cannot run "[^"]*broken" in .*: it is no program that this computer can run \(ENOEXEC\)\. Nothing was frozen, and everything goes on\n$/,
    ],
  ] as const) {
    const { code, stderr } = await luo.run(['kexec', '--warm', 'a', '--', command]);
    assert.equal(code, 125);
    assert.match(stderr, problem);
  }
  await goesOn(luo, running);
});

test('while a program starts, another luo kexec is refused, and the first one happens', { skip }, async () => {
  await using luo = new Luo();
  const running = await startAgent(luo);
  const first = luo.start(['kexec', ...patient, 'a', '--', ...gated]);
  await running.says(/^started \d+$/m);
  for (const options of [[], ['--warm']]) {
    const { code, stderr } = await luo.run(['kexec', ...options, 'a']);
    assert.equal(code, 125);
    assert.match(stderr, /^luo: Cannot start a live update: another one is under way/);
  }
  writeFileSync(join(luo.directory, 'gate'), '');
  assert.equal((await first.result).code, 0);
  await running.says(/^count 2 wait$/m);
});

test('when nobody waits for luo kexec any more, the program that starts is ended, and the last one goes on', {
  skip,
}, async () => {
  await using luo = new Luo();
  const running = await startAgent(luo);
  const kexec = luo.start(['kexec', ...patient, 'a', '--', ...gated]);
  const [, pid] = await running.says(/^started (\d+)$/m);
  kexec.child.kill('SIGINT');
  await eventually('the program has ended', () => (isAlive(Number(pid)) ? undefined : true));
  await goesOn(luo, running);
});

for (const [title, ask] of [
  ['luo stop', (luo: Luo) => luo.run(['stop', 'a'])],
  ['SIGTERM to luo run', (_: Luo, running: Running) => running.child.kill('SIGTERM')],
] as const) {
  test(`${title} ends the program that starts with all others`, { skip }, async () => {
    await using luo = new Luo();
    const running = await startAgent(luo);
    const kexec = luo.start(['kexec', ...patient, 'a', '--', ...gated]);
    await running.says(/^started \d+$/m);
    await ask(luo, running);
    const { code, stderr } = await kexec.result;
    assert.equal(code, 125);
    assert.equal(stderr, 'luo: Cannot go on with the live update: SIGTERM asked the programs to end\n');
    assert.equal((await running.result).code, 128 + 15);
    await luo.nothingIsLeft();
  });
}

test('a power-off that the last program asks for ends the program that starts, and the machine', { skip }, async () => {
  await using luo = new Luo();
  const power = compile('test/programs/power.c');
  const script = 'echo here; until test -e off; do sleep 0.01; done; exec "$0" power-off';
  const running = luo.start(['run', '--name', 'a', 'sh', '-c', script, power]);
  await running.says(/^here$/m);
  const kexec = luo.start(['kexec', ...patient, 'a', '--', ...gated]);
  await running.says(/^started \d+$/m);
  writeFileSync(join(luo.directory, 'off'), '');
  const { code, stderr } = await kexec.result;
  assert.equal(code, 125);
  assert.equal(stderr, 'luo: Cannot go on with the live update: a program asked for a reboot\n');
  assert.equal((await running.result).code, 0);
  await luo.nothingIsLeft();
});

for (const [fault, sentence] of [
  [
    'freeze:nth=1',
    /^luo: Cannot freeze the preserved files \(EBUSY\): .*The live update is cancelled; nothing was lost\n$/,
  ],
  [
    'reboot:nth=1',
    /^luo: Cannot start a live update \(EBUSY\): the fault "reboot:nth=1" was injected\. Nothing was frozen/,
  ],
  ['allocate:generation=2', /^luo: Cannot boot the next kernel \(ENOMEM\): /],
] as const) {
  test(`where the live update fails in ${fault}, the program that waits is ended, and a later one takes over`, {
    skip,
  }, async () => {
    await using luo = new Luo();
    const running = await startAgent(luo, '--inject', fault);
    const { code, stderr } = await luo.run(['kexec', '--warm', 'a', '--', ...['sh', '-c', '"$0"; exit', agent]]);
    assert.equal(code, 125);
    assert.match(stderr, sentence);
    await goesOn(luo, running);
  });
}

test('when the machine is killed, no call of the program that starts fails for that', { skip }, async () => {
  await using luo = new Luo();
  const running = await startAgent(luo);
  const orphans = compile('test/programs/orphans.c');
  luo.start(['kexec', '--warm', 'a', '--', orphans, 'early']);
  await eventually('all its processes run', () =>
    [...running.stdout.matchAll(/^process (\d+)$/gm)].length === 9 ? true : undefined,
  );
  process.kill((await statusOf(luo)).pid, 'SIGKILL');
  const { code, stdout } = await running.result;
  assert.equal(code, 137);
  assert.doesNotMatch(stdout, /unanswered/);
  await luo.nothingIsLeft();
});

for (const [title, script, how] of [
  ['the next one', `${waitForGate} exit 3`, 'exited with 3'],
  ['what the next one started', `(${waitForGate}) & exit 0`, 'exited with 0'],
] as const) {
  test(`where the last program has ended and then ${title} ends, luo kexec says so, and the machine ends`, async () => {
    await using luo = new Luo();
    const running = luo.start(['run', '--name', 'a', 'sh', '-c', 'echo here; exec cat'], { keepInput: true });
    await running.says(/^here$/m);
    const kexec = luo.start(['kexec', ...patient, 'a', '--', 'sh', '-c', script]);
    await running.says(/^started \d+$/m);
    running.child.stdin?.end();
    await eventually('the last program has ended', async () =>
      /^a +1 +0 /m.test((await luo.run(['ps'])).stdout) ? true : undefined,
    );
    writeFileSync(join(luo.directory, 'gate'), '');
    const { code, stderr } = await kexec.result;
    assert.deepEqual([code, stderr], [125, early(how)]);
    assert.equal((await running.result).code, 0);
    await luo.nothingIsLeft();
  });
}

test('a time that is no number of seconds is refused', async () => {
  await using luo = new Luo();
  const { code, stderr } = await luo.run(['kexec', '--warm-timeout=soon', 'a']);
  assert.equal(code, 125);
  assert.match(stderr, /It must be a number of seconds, 0 or more/);
});
