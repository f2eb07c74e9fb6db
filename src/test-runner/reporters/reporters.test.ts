import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Problem } from '../problems.js';
import type { Recording } from '../recording.js';
import type { Report } from '../report.js';
import { json } from './json.js';
import { junit } from './junit.js';
import { spec } from './spec.js';
import { tap } from './tap.js';

const nasty = 'a <b> & "c" \u001b[31m # ]]> \u0000 end';
const problem: Problem = {
  kind: 'file-not-retrieved',
  stage: 2,
  session: 's',
  tokens: ['1'],
  text: `no file of ${nasty}`,
};
const recording: Recording = {
  events: [
    { event: 'generation', at: 1000, generation: 1, argv: ['agent', nasty] },
    { event: 'exit', at: 2000, generation: 1, code: 0 },
  ],
  tries: [{ stage: 2, isRestart: false, output: `said ${nasty}\n`, omitted: 0 }],
  matched: [],
  milliseconds: 20,
};
const report: Report = {
  plan: {
    stages: [1, 2].map((stage) => ({ argv: ['agent', `stage ${stage} ${nasty}`], env: [], cwd: '/' })),
    timeout: 1000,
    profile: 'linux',
    strict: false,
  },
  recording,
  problems: [problem],
  command: ['--', 'agent'],
  isInterrupted: false,
  milliseconds: 1234,
};
const swept: Report = {
  ...report,
  problems: [],
  faults: {
    total: 3,
    outcomes: [
      { fault: 'open:errno=EBUSY', kind: 'handled', stage: 1, text: 'all state survived', milliseconds: 10 },
      { fault: 'finish:session="a b"', kind: 'lost', stage: 2, text: nasty, milliseconds: 20 },
    ],
  },
  isInterrupted: true,
};

test('a report for people has nothing that does something to a terminal', () => {
  for (const one of [report, swept]) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not be there.
    assert.doesNotMatch(spec(one), /[\x00-\x08\x0b-\x1f\x7f]/);
  }
  assert.match(spec(report), /^ {2}✗ no file of a <b>.*\n\n {2}output of stage 2:\n {4}said a/m);
  assert.match(
    spec(swept),
    /^finish:session="a b" +2 +lost +a <b>.*\n {4}again: luo test --inject 'finish:session="a b"' -- agent$/m,
  );
  assert.match(spec(swept), /^luo test: interrupted after 1\.2 s: 2 faults of 3: 1 handled, 1 lost$/m);
});

test('TAP has a plan, a point for each case, and diagnostics that are YAML', () => {
  const lines = tap(report).split('\n');
  assert.equal(lines[0], 'TAP version 14');
  assert.match(lines[1] ?? '', /^ok 1 - stage 1: agent 'stage 1 a <b> & "c" \\\\x1b\[31m \\# /);
  assert.match(lines[2] ?? '', /^not ok 2 - stage 2: /);
  assert.equal(lines[3], '  ---');
  for (const line of lines.slice(4, 6)) assert.equal(typeof JSON.parse(line.replace(/^ {2}\w+: /, '')), 'string');
  assert.deepEqual(lines.slice(6), ['  ...', '1..2', '']);
  assert.match(tap(swept), /\nnot ok 4 - finish:session="a b" \(lost\)\n[\s\S]*\n1\.\.4\nBail out! interrupted\n$/);
});

test('the XML of JUnit can be parsed, whatever an agent prints', () => {
  for (const one of [report, swept]) {
    const text = junit(one);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not be there.
    assert.doesNotMatch(text, /[\x00-\x08\x0b-\x1f]/);
    assert.doesNotThrow(() => parseXml(text));
  }
  assert.match(junit(report), /<testsuites name="luo test" tests="2" failures="1" time="1\.234">/);
  assert.match(junit(report), /<failure type="failure" message="no file of a &lt;b&gt; &amp; &quot;c&quot; /);
  assert.match(junit(swept), /<testsuite name="faults" tests="2" failures="1"/);
});

test('JUnit has one failure for a case, with all that is wrong, and one for a test that was interrupted', () => {
  const twice = junit({ ...report, problems: [problem, { ...problem, text: 'and another one' }] });
  assert.equal(twice.match(/<failure /g)?.length, 1);
  assert.match(twice, /<failure [^>]*>no file of [^<]*\nand another one<\/failure>/);
  const cut = junit({ ...report, problems: [], isInterrupted: true });
  assert.match(cut, /<testsuites name="luo test" tests="3" failures="1"/);
  assert.match(cut, /<testcase [^>]*name="the test as a whole"[^>]*>\n *<failure [^>]*message="It was interrupted"/);
});

test('the YAML of TAP has no character that YAML has not', () => {
  const odd = { stage: 2, isRestart: false, output: '\ufffe\uffff', omitted: 0 };
  assert.doesNotMatch(tap({ ...report, recording: { ...recording, tries: [odd] } }), /[\ufffe\uffff]/);
});

test('the JSON document has all there is to know', () => {
  const one = JSON.parse(json(report));
  assert.deepEqual([one.passed, one.faults, one.problems.length, one.stages.length], [false, null, 1, 2]);
  assert.deepEqual(one.stages[1].runs, [{ output: `said ${nasty}\n`, omitted: 0 }]);
  const other = JSON.parse(json(swept));
  assert.deepEqual(other.faults.counts, { handled: 1, 'gave-up': 0, lost: 1, hung: 0, crashed: 0, missed: 0 });
  assert.equal(other.faults.outcomes[1].command, `luo test --inject 'finish:session="a b"' -- agent`);
  assert.ok(other.interrupted);
});

/** As much of XML as there is in such a report: elements that are closed, attributes in quotes, known entities. */
function parseXml(text: string): void {
  const open: string[] = [];
  const token =
    /<\?xml[^<>]*\?>|<!--[^<>]*-->|<(\/?)([\w-]+)((?: \w+="[^"<>]*")*)(\/?)>|[^<>&]+|&(?:amp|lt|gt|quot);/gy;
  let at = 0;
  for (const match of text.matchAll(token)) {
    at = match.index + match[0].length;
    const [, end, name, , empty] = match;
    if (name === undefined) continue;
    if (end === '/') assert.equal(open.pop(), name);
    else if (empty !== '/') open.push(name);
  }
  assert.deepEqual([at, open], [text.length, []]);
}
