import { type Case, casesOf, type Report } from '../report.js';

/** The XML of JUnit, as CI systems read it: a suite of stages, and one of faults. */
export function junit(report: Report): string {
  const cases = [...casesOf(report), ...(report.isInterrupted ? [interrupted] : [])];
  const suites = (['stages', 'faults'] as const)
    .map((group) => [group, cases.filter((one) => one.group === group)] as const)
    .filter(([, members]) => members.length > 0)
    .map(([group, members]) => suite(group, members));
  const time = seconds(report.milliseconds);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="luo test" tests="${cases.length}" failures="${failuresIn(cases)}" time="${time}">`,
    ...suites.flat(),
    '</testsuites>',
    '',
  ].join('\n');
}

/** Whoever reads the file alone must not take the cases that there are for all of them. */
const interrupted: Case = { group: 'stages', name: 'the test as a whole', failures: ['It was interrupted'] };

function suite(name: string, cases: readonly Case[]): string[] {
  return [
    `  <testsuite name="${name}" tests="${cases.length}" failures="${failuresIn(cases)}" errors="0" skipped="0">`,
    ...cases.flatMap((one) => testCase(name, one)),
    '  </testsuite>',
  ];
}

function testCase(suiteName: string, { name, failures, detail = '', milliseconds = 0 }: Case): string[] {
  const open = `    <testcase classname="luo.${suiteName}" name="${escaped(name)}" time="${seconds(milliseconds)}"`;
  const inner = [...failure(failures), ...(detail === '' ? [] : [`      <system-out>${escaped(detail)}</system-out>`])];
  return inner.length === 0 ? [`${open}/>`] : [`${open}>`, ...inner, '    </testcase>'];
}

/** One, whatever went wrong: the schemas of Ant and Maven have room for no more, and the first wants a type. */
function failure(texts: readonly string[]): string[] {
  const [first] = texts;
  if (first === undefined) return [];
  return [`      <failure type="failure" message="${escaped(first)}">${escaped(texts.join('\n'))}</failure>`];
}

function failuresIn(cases: readonly Case[]): number {
  return cases.filter(({ failures }) => failures.length > 0).length;
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(3);
}

const entities: ReadonlyMap<string, string> = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
]);

/** XML 1.0 has no way to write most control characters, nor half a surrogate pair. */
function escaped(text: string): string {
  return (
    Buffer.from(text)
      .toString()
      // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for.
      .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, '\ufffd')
      .replace(/[&<>"]/g, (character) => entities.get(character) ?? character)
  );
}
