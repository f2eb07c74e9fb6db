/** `luo run --inject`, with real programs: what is told to fail does, and nothing else. */
import { doesNotMatch, equal, match } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { MachineEvent } from '../machine/events.js';
import { compile, noCompiler } from '../testing/compile.js';
import { Luo, type Result } from '../testing/luo.js';

const skip = noCompiler();

interface Struck extends Result {
  /** What the fault has struck. */
  readonly events: readonly MachineEvent[];
}

/** Runs the agent over one live update, with a fault. */
async function agentWith(fault: string): Promise<Struck> {
  await using luo = new Luo();
  const file = join(luo.directory, 'trace');
  const agent = compile('test/programs/agent.c');
  const result = await luo.run(['run', '--inject', fault, `--trace-json=${file}`, '--', agent, 'until', '2']);
  await luo.nothingIsLeft();
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  // What luo has written is what events.ts says.
  const events = lines.map((line) => JSON.parse(line) as MachineEvent);
  return { ...result, events: events.filter((event) => 'injected' in event && event.injected === fault) };
}

/** What the agent says of a call that failed, and in which generation. */
const refusals: Readonly<Record<string, { says: RegExp; generation: number }>> = {
  'open:errno=ENOENT': { says: /device >= 0 \(errno 2,/, generation: 1 },
  'open:nth=2': { says: /device >= 0 \(errno 16,/, generation: 2 },
  'create_session:session=agent': { says: /session >= 0 \(errno 12,/, generation: 1 },
  'retrieve_session:generation=2:errno=EIO': { says: /errno == ENOENT \(errno 5,/, generation: 2 },
  'preserve_fd:token=7:nth=2': { says: /luo_preserve\(.*\(errno 12,/, generation: 2 },
  'retrieve_fd:token=0x7:errno=EIO': { says: /file >= 0 \(errno 5,/, generation: 2 },
  'finish:session=agent': { says: /luo_finish\(.*\(errno 16,/, generation: 2 },
  'emfile:call=retrieve_fd': { says: /file >= 0 \(errno 24,/, generation: 2 },
  'eintr:call=finish': { says: /luo_finish\(.*\(errno 4,/, generation: 2 },
  'preserve:errno=EIO': { says: /luo_preserve\(.*\(errno 5,/, generation: 1 },
  retrieve: { says: /file >= 0 \(errno 5,/, generation: 2 },
  'freeze:token=7': { says: /reboot came back.*\(errno 16,/, generation: 1 },
  'reboot:errno=EIO': { says: /reboot came back.*\(errno 5,/, generation: 1 },
  'allocate:generation=2': { says: /reboot came back.*\(errno 12,/, generation: 1 },
  'allocate:nth=4': { says: /luo_preserve\(.*\(errno 12,/, generation: 1 },
};

for (const [fault, { says, generation }] of Object.entries(refusals)) {
  test(`${fault}: the agent gets that error in generation ${generation}`, { skip }, async () => {
    const { code, stdout, stderr, events } = await agentWith(fault);
    equal(code, 1);
    match(stderr, says);
    doesNotMatch(stderr, /never struck/);
    equal(stdout.split('\n').filter(Boolean).length <= generation, true);
    equal(events.length, 1);
  });
}

test('a kexec that luo kexec asks for is refused, too, and the next one happens', { skip }, async () => {
  await using luo = new Luo();
  await luo.run(['run', '-d', '--name', 'refused', '--inject', 'reboot', '--', compile('test/programs/agent.c')]);
  await luo.logMatches('refused', /count 1/);
  const first = await luo.run(['kexec', 'refused']);
  equal(first.code, 125);
  match(
    first.stderr,
    /^luo: Cannot start a live update \(EBUSY\): the fault "reboot" was injected\. Nothing was frozen/,
  );
  equal((await luo.run(['kexec', 'refused'])).code, 0);
  await luo.logMatches('refused', /count 2/);
});

for (const [fault, call] of [
  ['kill_agent:after=preserve_fd:generation=2', 'PRESERVE_FD'],
  ['kill_agent:after=open', 'open'],
  ['kill_agent:before=finish', 'FINISH'],
  ['kill_agent:nth=3', 'CREATE_SESSION'],
] as const) {
  test(`${fault}: the program is killed there, and says nothing more`, { skip }, async () => {
    const { code, stdout, stderr, events } = await agentWith(fault);
    equal(code, 137);
    equal(stdout, fault.includes('=2') || call === 'FINISH' ? stdout.replace(/count 2.*/s, '') : '');
    doesNotMatch(stderr, /not so/);
    const [struck] = events;
    equal(struck?.event === 'call' && struck.call, call);
  });
}

for (const step of ['check', 'freeze', 'handover', 'boot', 'end', 'execute']) {
  const fault = `kill_machine:after=${step}`;
  test(`${fault}: the machine is killed there, and nothing of it is left`, { skip }, async () => {
    const { code, stderr, events } = await agentWith(fault);
    equal(code, 137);
    match(stderr, /Machine "agent" was ended by force \(SIGKILL\); its programs have been ended too/);
    const [struck] = events;
    equal(struck?.event === 'step' && struck.step.replace('kexec_', ''), step);
  });
}

test('a fault that never struck is told of at the end: a test that cannot fail proves nothing', { skip }, async () => {
  const { code, stderr } = await agentWith('get_name');
  equal(code, 0);
  match(stderr, /^luo: the fault "get_name" never struck: nothing matched it$/m);
});

test('a fault with a typo is refused before there is a machine, with a mark under it', async () => {
  await using luo = new Luo();
  const { code, stderr } = await luo.run(['run', '--inject', 'retrive_fd:errno=ENOMEM', '--', 'true']);
  equal(code, 125);
  match(
    stderr,
    /^luo: Cannot inject a fault: there is no point "retrive_fd"\. Did you mean "retrieve_fd"\?.*\n\n {4}retrive_fd:errno=ENOMEM\n {4}\^~{9}\n$/,
  );
});

test('luo faults lists every point, as luo run --list-faults does', async () => {
  await using luo = new Luo();
  const { code, stdout } = await luo.run(['faults']);
  equal(code, 0);
  match(stdout, /^retrieve_fd +ENOMEM +--inject retrieve_fd:token=0x1a:errno=ENOENT:nth=2 +RETRIEVE_FD is refused$/m);
  equal((await luo.run(['run', '--list-faults'])).stdout, stdout);
});
