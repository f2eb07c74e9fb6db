import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { documentIn, habits, stages } from '../testing/agents.js';
import { skip } from '../testing/cases.js';
import { compile } from '../testing/compile.js';
import { eventually, Luo } from '../testing/luo.js';
import { asOrdinaryUser, giveTo } from '../testing/user.js';

const robust = () => compile('examples/agent/robust.c');

for (const habit of ['good', 'other-order', 'chatty']) {
  test(`an agent that does all it should passes: ${habit}`, { skip }, async () => {
    await using luo = new Luo();
    const { code, stdout, stderr } = await luo.run(['test', ...stages(habit)]);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /stage 1: .* save\n[\s\S]*kexec\n[\s\S]*stage 2: .* restore \(with 1 session, 2 files, /);
    assert.match(stdout, /^luo test: passed after /m);
    assert.equal(stderr, '');
    await luo.nothingIsLeft();
  });
}

for (const [habit, expected] of [
  ['idle', /Nothing opened \/dev\/liveupdate, in no stage/],
  ['forgets-finish', /Stage 2 retrieved session "agent" and never finished it/],
  ['forgets-file', /Nothing retrieved file 0x2 of session "agent" in stage 2/],
  ['deserter', /Nothing retrieved session "agent" in stage 2: lost with 2 files: 0x1, 0x2/],
  ['two-sessions', /Nothing retrieved session "other" in stage 2: lost with file 0x3/],
  ['leaks-session', /Stage 2 made session "new", and nothing takes it over/],
  ['token-twice', /Stage 1 did not preserve file 0x1 of session "agent" \(EEXIST\), and went on: .*used already/],
  ['no-holder', /Stage 1 closed session "agent" before the kexec, so it did not pass/],
  ['keeps-session', /Nothing finished session "agent", which stage 2 had retrieved: call FINISH/],
  ['exits-3', /Stage 2 exited with 3/],
  ['crashes', /Stage 2 was ended by SIGSEGV/],
] as const) {
  test(`what an agent does wrong is named: ${habit}`, { skip }, async () => {
    await using luo = new Luo();
    const { code, stdout } = await luo.run(['test', ...stages(habit)]);
    assert.equal(code, 1, stdout);
    assert.match(stdout, expected);
    assert.match(stdout, /^luo test: FAILED after /m);
  });
}

test('an agent that hangs is ended, and what it did last is told', { skip }, async () => {
  await using luo = new Luo();
  for (const [habit, expected] of [
    ['hangs-first', /Stage 1 took more than 1 s\. It made no call of live update/],
    ['hangs', /Stage 2 took more than 1 s\. It did last: RETRIEVE_FD file 0x1 of session "agent"/],
  ] as const) {
    const { code, stdout } = await luo.run(['test', '--timeout', '1', ...stages(habit)]);
    assert.equal(code, 1);
    assert.match(stdout, expected);
  }
  await luo.nothingIsLeft();
});

test('an agent that makes processes without end is ended with all of them', { skip }, async () => {
  await using luo = new Luo();
  const { code, stdout } = await luo.run(['test', '--', habits(), 'storm']);
  assert.equal(code, 1);
  assert.match(stdout, /The agent made more than \d+ processes\. All were ended/);
  await luo.nothingIsLeft();
});

test('of megabytes of output the beginning and the end are kept', { skip }, async () => {
  await using luo = new Luo();
  const { stages: ran } = documentIn(await luo.run(['test', '--reporter', 'json', ...stages('chatty')]));
  const [{ output = '', omitted = 0 } = {}] = ran[0]?.runs ?? [];
  assert.ok(omitted > 4_000_000 && output.length < 70_000);
  assert.match(output, /^line 0 of a lot[\s\S]*\[\d+ bytes left out\][\s\S]*line 199999 of a lot of output\n/);
});

test('what cannot be tested is a sentence, and the exit code 2', async () => {
  await using luo = new Luo();
  writeFileSync(join(luo.directory, 'plain'), 'text');
  for (const [args, expected] of [
    [[], /Cannot test nothing: name the agent/],
    [['./none'], /Cannot run "\.\/none": there is no such file/],
    [['./plain'], /Cannot run "\.\/plain": it is not executable: chmod \+x/],
    [['--stage', 'true', '--stage', "sh 'x"], /Cannot read the command sh 'x: the quote ' is not closed/],
    [['--stage', 'true', 'true'], /Cannot test a command and stages at once/],
    [['--stage', ''], /Cannot run an empty command/],
    [['--inject', 'retreive_fd', 'true'], /there is no point "retreive_fd"\. Did you mean "retrieve_fd"\?[\s\S]*\^~~~/],
    [['--inject', 'open', '--sweep', 'true'], /'--inject <fault>' cannot be used with option '--sweep'/],
    [['--inject', 'kill_keeper', 'true'], /the machines of a test have no keeper\. Use it with: luo run --inject/],
    [['--only', 'open', 'true'], /Cannot choose faults with --only or --except without --sweep/],
    [['--except', 'open', 'true'], /without --sweep: there are none\. Add --sweep/],
    [['--sweep', '--only', 'open', '--except', 'open', 'true'], /Cannot sweep over no faults/],
    [['--sweep', '--only', 'opne', 'true'], /Cannot sweep over "opne": there is no such point/],
    [['--until', '(', 'true'], /Cannot look for lines with --until: /],
    [['--jobs', '0', 'true'], /It must be a whole number, 1 or more/],
    [['--no-such', 'true'], /unknown option '--no-such'/],
  ] as const) {
    const { code, stderr } = await luo.run(['test', ...args]);
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, expected);
  }
});

test('an agent that asks for the kexec itself runs as each stage in turn', { skip }, async () => {
  await using luo = new Luo();
  const agent = compile('test/programs/agent.c');
  const { code, stdout } = await luo.run(['test', '--generations', '3', '--', agent, 'until', '3']);
  // The last generation preserves its file, too: that is its habit.
  assert.equal(code, 1);
  assert.match(stdout, /stage 3: [\s\S]*Stage 3 made session "agent", and nothing takes it over/);
  assert.doesNotMatch(stdout, /did not begin|exited with [1-9]/);
});

test('--until ends stages that go on, and what the last one made for the next is no problem', { skip }, async () => {
  await using luo = new Luo();
  const agent = compile('test/programs/agent.c');
  const { code, stdout } = await luo.run(['test', '--until', '^count', '--', agent, 'wait']);
  assert.equal(code, 0, stdout);
  assert.match(stdout, /stage 2: .*\(with 1 session, 1 file/);
});

test('an agent that handles everything passes a sweep over every fault', { skip }, async () => {
  await using luo = new Luo();
  const args = ['--stage', `${robust()} save 2 1`, '--stage', `${robust()} restore 2 1`];
  const result = await luo.run(['test', '--sweep', '--reporter', 'json', ...args]);
  const { faults, problems, passed } = documentIn(result);
  assert.deepEqual(problems, []);
  const bad = faults?.outcomes.filter(({ outcome }) => outcome !== 'handled' && outcome !== 'gave-up');
  assert.deepEqual(bad, []);
  assert.equal(faults?.outcomes.length, faults?.total);
  assert.ok(passed && result.code === 0 && (faults?.total ?? 0) > 50);
  await luo.nothingIsLeft();
});

test('a sweep finds what an agent does not look at, and tells how to see it again', { skip }, async () => {
  await using luo = new Luo();
  const args = ['test', '--sweep', '--only', 'create_session,preserve_fd,retrieve_fd,finish,kill_agent'];
  const { code, stdout } = await luo.run([...args, ...stages('careless')]);
  assert.equal(code, 1);
  assert.match(stdout, /^create_session:session=agent:errno=ENOMEM +1 +lost /m);
  assert.match(stdout, /^preserve_fd:session=agent:token=0x2:errno=ENOMEM +1 +lost /m);
  const [, again = ''] = /^ +again: luo (test --inject retrieve_fd\S+ .*)$/m.exec(stdout) ?? [];
  const words = again.replaceAll("'", '').split(/ (?=--)| (?<=--(?:inject|stage) )/);
  const repeated = await luo.run(words);
  assert.equal(repeated.code, 1);
  assert.match(repeated.stdout, /: 1 fault: 1 lost$/m);
});

test('an agent that gives up and is run once more loses nothing', { skip }, async () => {
  await using luo = new Luo();
  const inject = async (fault: string) => {
    const result = await luo.run(['test', '--reporter', 'json', '--inject', fault, ...stages('good')]);
    const [outcome] = documentIn(result).faults?.outcomes ?? [];
    return [result.code, outcome?.outcome];
  };
  assert.deepEqual(await inject('create_session:errno=ENOMEM'), [0, 'gave-up']);
  assert.deepEqual(await inject('retrieve_session:errno=ENOMEM'), [0, 'gave-up']);
  assert.deepEqual(await inject('freeze:token=2'), [0, 'handled']);
  assert.deepEqual(await inject('kill_machine:after=handover'), [0, 'gave-up']);
  assert.deepEqual(await inject('retrieve_fd:errno=ENOMEM'), [1, 'lost']);
  assert.deepEqual(await inject('get_name'), [0, 'missed']);
});

test('an agent that fails without a fault is not swept', { skip }, async () => {
  await using luo = new Luo();
  const { code, stdout } = await luo.run(['test', '--sweep', ...stages('forgets-file')]);
  assert.equal(code, 1);
  assert.match(stdout, /Nothing retrieved file 0x2/);
  assert.match(stdout, /It fails without a fault: there is no sweep/);
});

for (const [signal, expected] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`a sweep that ${signal} interrupts reports what it has, and leaves nothing`, { skip }, async () => {
    await using luo = new Luo();
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith('luo-test-run-'));
    // Each run says something, so that the sweep is known to be under way.
    const script = join(luo.directory, 'agent');
    writeFileSync(script, `#!/bin/sh\necho run >> ${join(luo.directory, 'runs')}\nexec ${robust()} "$1"\n`);
    chmodSync(script, 0o755);
    const args = ['test', '--sweep', '--stage', `${script} save`, '--stage', `${script} restore`];
    const running = luo.start(args);
    const runs = join(luo.directory, 'runs');
    await eventually('the sweep runs', () => (linesIn(runs) > 8 ? true : undefined));
    running.child.kill(signal);
    const { code, stdout } = await running.result;
    assert.equal(code, expected);
    assert.match(stdout, /^luo test: interrupted after .*: \d+ faults? of \d+: /m);
    await luo.nothingIsLeft();
    const after = readdirSync(tmpdir()).filter((name) => name.startsWith('luo-test-run-'));
    assert.ok(after.length <= before.length);
  });
}

test('nothing goes on where luo test itself is killed', { skip }, async () => {
  await using luo = new Luo();
  const running = luo.start(['test', ...stages('hangs-first')], { env: { TMPDIR: luo.directory } });
  await eventually('the agent runs', () => (luo.processes().length > 2 ? true : undefined));
  running.child.kill('SIGKILL');
  await running.result;
  await luo.nothingIsLeft();
  assert.deepEqual(
    readdirSync(luo.directory).filter((name) => name.startsWith('luo-test-run-')),
    [],
  );
});

test('an ordinary user can test', { skip }, async (t) => {
  const ordinary = asOrdinaryUser();
  if (typeof ordinary === 'string') return t.skip(ordinary);
  await using luo = new Luo();
  if (ordinary.length > 0) giveTo(luo.directory);
  const args = ['test', '--inject', 'kill_machine:after=end', ...stages('good')];
  const { code, stdout } = await luo.run(args, { prefix: ordinary, env: { TMPDIR: luo.directory } });
  assert.equal(code, 0, stdout);
});

function linesIn(file: string): number {
  try {
    return readFileSync(file, 'utf8').split('\n').length - 1;
  } catch {
    return 0;
  }
}
