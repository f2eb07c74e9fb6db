import { casesOf, type Report } from '../report.js';
import { printable } from '../text.js';

/** TAP 14 (https://testanything.org): one test point for each case. */
export function tap(report: Report): string {
  const cases = casesOf(report);
  const points = cases.flatMap(({ name, failures, detail = '' }, index) => [
    `${failures.length === 0 ? 'ok' : 'not ok'} ${index + 1} - ${description(name)}`,
    ...(failures.length === 0 ? [] : diagnostics({ message: failures.join('; '), output: detail })),
  ]);
  const bail = report.isInterrupted ? ['Bail out! interrupted'] : [];
  return `${['TAP version 14', ...points, `1..${cases.length}`, ...bail].join('\n')}\n`;
}

/** A `#` would begin a directive. */
function description(text: string): string {
  return printable(text).replace(/\s+/g, ' ').replace(/[\\#]/g, '\\$&');
}

/** YAML, of which every JSON text is a part, but for two characters that are none. */
function diagnostics(values: Readonly<Record<string, string>>): string[] {
  const lines = Object.entries(values).filter(([, value]) => value !== '');
  return [
    '  ---',
    ...lines.map(
      ([key, value]) => `  ${key}: ${JSON.stringify(printable(value).replace(/[\ufffe\uffff]/g, '\ufffd'))}`,
    ),
    '  ...',
  ];
}
