/** `luo run --trace` and `luo trace`, with real programs. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { MachineEvent } from '../machine/events.js';
import { compile, noCompiler } from '../testing/compile.js';
import { eventually, Luo, type Running } from '../testing/luo.js';

test('a trace on standard error has a line for each call, with names', { skip: noCompiler() }, async () => {
  await using luo = new Luo();
  const { code, stderr } = await luo.run(['run', '--trace', '--', agent(), 'until', '2']);
  equal(code, 0);
  const time = String.raw`^\[ *\d+\.\d{6}\] `;
  for (const line of [
    String.raw`--- generation 1: \S+agent until 2 ---$`,
    String.raw`\d+ open\("/dev/liveupdate"\) = 3 <\d+ us>$`,
    String.raw`\d+ RETRIEVE_SESSION\(3</dev/liveupdate>, "agent"\) = -1 ENOENT \(Cannot retrieve session "agent".*\) <\d+ us>$`,
    String.raw`\d+ CREATE_SESSION\(3</dev/liveupdate>, "agent"\) = 5<session "agent"> <\d+ us>$`,
    String.raw`\d+ PRESERVE_FD\(5<session "agent">, fd 4, token 0x7\) = 0 <\d+ us>\n.*memory: .*\n.*KHO: .*\n.*\] {5}memfd-v2: preserve \(session "agent", token 0x7\) <\d+ us>$`,
    String.raw`\d+ kexec_file_load\(\) = 0 <\d+ us>$`,
    String.raw` *kexec: handover <\d+ us>\n.*memfd-v2: freeze \(session "agent", token 0x7\)`,
    String.raw`\d+ reboot\(LINUX_REBOOT_CMD_KEXEC\) = \? <\d+ us>$`,
    '--- generation 1 has ended: kexec ---$',
    String.raw`--- generation 2: \S+agent until 2 \(took over 1 session, 1 file, 12\.0 KiB\) ---$`,
    String.raw`\d+ RETRIEVE_FD\(4<session "agent">, token 0x7\) = 5 <\d+ us>$`,
    String.raw`\d+ FINISH\(4<session "agent">\) = 0 <\d+ us>$`,
    String.raw`- close\(<session "agent">\) = 0 <\d+ us>$`,
    String.raw`\+\+\+ exited with 0 \+\+\+$`,
    String.raw`--- generation 2 has ended: exit ---\n.*dropped: session "agent" of this generation does not pass$`,
  ]) {
    match(stderr, new RegExp(time + line, 'm'));
  }
});

test('a trace in a file has it alone, and the file is begun anew', { skip: noCompiler() }, async () => {
  await using luo = new Luo();
  for (const name of ['text', 'json']) writeFileSync(join(luo.directory, name), 'old');
  const options = ['--trace=text', '--trace-json=json'];
  const { code, stderr } = await luo.run(['run', ...options, '--', agent(), 'until', '1']);
  equal(code, 0);
  equal(stderr, '');
  match(readFileSync(join(luo.directory, 'text'), 'utf8'), /^\[.*\n(.*\n)*.*dropped: session "agent" .*\n$/);
  const events = eventsOf(readFileSync(join(luo.directory, 'json'), 'utf8'));
  const calls = events.flatMap((event) => (event.event === 'call' ? [event.call] : []));
  deepEqual(calls, ['open', 'RETRIEVE_SESSION', 'CREATE_SESSION', 'PRESERVE_FD', 'close', 'close']);
});

test('what a generation leaves is told as it ends', { skip: noCompiler() }, async () => {
  await using luo = new Luo();
  const file = join(luo.directory, 'json');
  await luo.run(['run', '-d', '--name', 'left', `--trace-json=${file}`, '--', agent()]);
  await luo.logMatches('left', /count 1/);
  equal((await luo.run(['kexec', 'left', '--', 'sleep', '1000'])).code, 0);
  equal((await luo.run(['stop', 'left'])).code, 0);
  const ends = eventsOf(readFileSync(file, 'utf8')).flatMap((event) => (event.event === 'end' ? [event] : []));
  const [first, second] = ends.map(({ at, ...end }) => end);
  deepEqual(first, { event: 'end', generation: 1, by: 'kexec', left: [], dropped: [], leaks: [] });
  const left = [{ session: 'agent', retrieved: false, finished: false, notRetrieved: ['7'] }];
  deepEqual(second, { event: 'end', generation: 2, by: 'exit', left, dropped: [], leaks: [] });
});

test('a file that cannot be written is refused before there is a machine', async () => {
  await using luo = new Luo();
  const { code, stderr } = await luo.run(['run', '--trace=/nowhere/file', '--', 'true']);
  equal(code, 125);
  match(stderr, /^luo: Cannot write the trace: ENOENT.*Name a file that you can write: --trace=FILE\n$/);
});

test('luo trace shows what happens from then on, to any number of readers', { skip: noCompiler() }, async () => {
  await using luo = new Luo();
  await luo.run(['run', '-d', '--name', 'traced', '--', agent()]);
  await luo.logMatches('traced', /count 1/);
  const text = luo.start(['trace', 'traced']);
  const json = luo.start(['trace', '--json']);
  const gone = luo.start(['trace']);
  await listening(luo, 'traced', text, json, gone);
  gone.child.kill('SIGINT');
  equal((await gone.result).signal, 'SIGINT');
  await luo.run(['stop', 'traced']);
  const [people, programs] = await Promise.all([text.result, json.result]);
  equal(people.code, 0);
  match(people.stdout, /--- generation \d+ has ended: exit ---\n.*dropped: session "agent"/);
  equal(programs.code, 0);
  equal(eventsOf(programs.stdout).at(-1)?.event, 'end');
});

test('luo trace says which machines there are where none or more than one can be meant', async () => {
  await using luo = new Luo();
  match((await luo.run(['trace'])).stderr, /^luo: Cannot tell which machine is meant: none is running\./);
  match((await luo.run(['trace', 'nobody'])).stderr, /^luo: Cannot find machine "nobody": none is running\./);
  for (const name of ['a', 'b']) await luo.run(['run', '-d', '--name', name, '--', 'sleep', '1000']);
  const { code, stderr } = await luo.run(['trace']);
  equal(code, 125);
  equal(stderr, 'luo: Cannot tell which machine is meant: running are a, b\n');
});

test('a reader that is stopped holds nothing up, and learns how much it has lost', { skip: noCompiler() }, async () => {
  await using luo = new Luo();
  const run = luo.start(
    ['run', '--name', 'busy', '--', 'sh', '-c', 'read go; "$0" 30000; read stop', compile('test/programs/noisy.c')],
    {
      keepInput: true,
    },
  );
  await eventually('the machine runs', () => (luo.machines().includes('busy') ? true : undefined));
  const reader = luo.start(['trace', 'busy', '--json']);
  await listening(luo, 'busy', reader);
  reader.child.kill('SIGSTOP');
  run.child.stdin?.write('go\n');
  await run.says(/done/);
  reader.child.kill('SIGCONT');
  // Something that comes when it reads again tells it.
  await eventually('it has caught up', () => (reader.stdout.split('\n').length > 100 ? true : undefined));
  run.child.stdin?.end();
  equal((await run.result).code, 1);
  const { stdout, stderr } = await reader.result;
  match(stderr, /^luo: \d+ events? lost: they came faster than they were read$/m);
  ok(eventsOf(stdout).length > 0);
});

test('a trace of a machine that is killed says that it breaks off', async () => {
  await using luo = new Luo();
  await luo.run(['run', '-d', '--name', 'killed', '--', 'sleep', '1000']);
  const reader = luo.start(['trace', 'killed']);
  await listening(luo, 'killed', reader);
  const [machine] = JSON.parse((await luo.run(['ps', '--json'])).stdout) as [{ pid: number }];
  process.kill(machine.pid, 'SIGKILL');
  const { code, stderr } = await reader.result;
  equal(code, 125);
  match(stderr, /^luo: The trace of machine "killed" breaks off: the machine was ended by force, or [^\n]*\n$/);
});

function agent(): string {
  return compile('test/programs/agent.c');
}

/** Something happens until all readers have said something: that they listen shows in nothing else. */
async function listening(luo: Luo, machine: string, ...readers: readonly Running[]): Promise<void> {
  for (const reader of readers) {
    const said = reader.says(/./);
    let over = false;
    const end = () => {
      over = true;
    };
    said.then(end, end);
    while (!over) await luo.run(['kexec', machine]);
    await said;
  }
}

function eventsOf(text: string): MachineEvent[] {
  // What luo has written is what events.ts says.
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as MachineEvent);
}
