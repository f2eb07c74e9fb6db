import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe as group, test } from 'node:test';
import { noCompiler } from './compile.js';
import {
  type Comparison,
  compare,
  describe,
  explain,
  knownReasons,
  type Observation,
  observeLuo,
  recorded,
  reportFile,
} from './conformance.js';

/** How many lines were equal when this was last looked at. More is better: raise it then. */
const EQUAL = 711;

group('conformance with Linux 7.3', { skip: noCompiler() }, () => {
  let comparison: Comparison;

  before(async () => {
    comparison = compare(recorded(), await observeLuo({ strict: true }));
  });

  test(`a strict machine gives at least ${EQUAL} answers as Linux does`, (t) => {
    const outcome = `conformance: ${comparison.equal} / ${comparison.total} equal`;
    console.log(outcome);
    t.diagnostic(outcome);
    assert.ok(comparison.equal >= EQUAL, `${outcome}: it was ${EQUAL}\n${differing(comparison)}`);
    assert.ok(EQUAL >= 0.9 * comparison.total, 'the record has grown: luo must give nine of ten answers');
  });

  test('every answer that differs has a reason, and every reason an answer that differs', () => {
    explain(comparison.differences, knownReasons());
  });

  test('docs/conformance.md is true', () => {
    const page = describe(comparison, explain(comparison.differences, knownReasons()));
    assert.equal(readFileSync(reportFile, 'utf8'), page, 'write it again: npm run docs:conformance');
  });

  test('a machine that is not strict runs every case to its end', async (t) => {
    const ordinary = await observeLuo({ strict: false });
    const { equal, total } = compare(recorded(), ordinary);
    t.diagnostic(`conformance without --strict: ${equal} / ${total} equal`);
    const failed = ordinary.filter(({ seen }) => /^(setup-failed|ended-by-signal)=/.test(seen));
    assert.deepEqual(failed, []);
    assert.deepEqual(casesOf(ordinary), casesOf(recorded()));
  });
});

group('the comparison', () => {
  const one: Observation = { stage: 1, name: 'a.case', seen: 'first=0' };
  const two: Observation = { stage: 1, name: 'a.case', seen: 'second=EBUSY flags=RDWR' };

  test('finds lines equal in whatever order they come', () => {
    assert.deepEqual(compare([one, two], [two, one]), { total: 2, equal: 2, differences: [] });
  });

  test('puts the lines of a step side by side', () => {
    const other = { ...two, seen: 'second=0 flags=RDWR' };
    assert.deepEqual(compare([one, two], [one, other]), {
      total: 2,
      equal: 1,
      differences: [{ stage: 1, name: 'a.case', linux: two.seen, luo: other.seen }],
    });
  });

  test('counts a line as often as it is there', () => {
    assert.equal(compare([one, one], [one]).equal, 1);
    assert.deepEqual(compare([one], [one, one]).differences, [
      { stage: 1, name: 'a.case', linux: undefined, luo: one.seen },
    ]);
  });

  test('keeps the two stages apart', () => {
    assert.equal(compare([one], [{ ...one, stage: 2 }]).differences.length, 2);
  });

  test('refuses a difference without a reason and a reason without a difference', () => {
    const difference = { stage: 2, name: 'a.case', linux: 'first=0', luo: 'first=1' };
    const reason = { lines: '^2 a\\.case first=', reason: 'It is so.' };
    assert.deepEqual(explain([difference], [reason]), [{ ...difference, reason: 'It is so.' }]);
    assert.throws(
      () => explain([difference], []),
      /No reason for: 2 a\.case: Linux says "first=0", luo says "first=1"/,
    );
    assert.throws(() => explain([], [reason]), /No difference that the reason for/);
  });
});

function differing({ differences }: Comparison): string {
  return differences
    .map(({ stage, name, linux, luo }) => `${stage} ${name}\n  Linux: ${linux}\n  luo:   ${luo}`)
    .join('\n');
}

function casesOf(lines: readonly Observation[]): string[] {
  return [...new Set(lines.map(({ stage, name }) => `${stage} ${name}`))].sort();
}
