import { plural } from '../../machine/report.js';
import { isGood, outcomes } from '../outcome.js';
import type { Try } from '../recording.js';
import { commandFor, countOutcomes, hasPassed, type Report } from '../report.js';
import { duration, printable } from '../text.js';
import { timelineOf } from '../timeline.js';

/** How many lines of the output of a stage that failed are shown. */
const MOST_LINES = 20;

/** The report for people. */
export function spec(report: Report): string {
  const { faults, problems } = report;
  const isSweep = faults !== undefined && faults.total !== 1;
  const lines = [
    ...(isSweep ? [] : timeline(report)),
    ...(isSweep && problems.length > 0
      ? [...timeline(report), '', 'It fails without a fault: there is no sweep.']
      : []),
    ...problemLines(report),
    ...(isSweep ? [] : outputsWithFault(report)),
    ...(faults === undefined ? [] : faultLines(report)),
    verdict(report),
  ];
  return `${lines.join('\n')}\n`;
}

function timeline({ recording }: Report): string[] {
  return timelineOf(recording).map(
    ({ at, isHead, text }) => `${`${at.toFixed(1)} ms`.padStart(12)}  ${isHead ? '' : '  '}${oneLine(text)}`,
  );
}

function problemLines({ problems, recording }: Report): string[] {
  if (problems.length === 0) return [];
  const failed = new Set(problems.map(({ stage }) => stage));
  return [
    '',
    ...problems.map(({ text }) => `  ✗ ${oneLine(text)}`),
    ...recording.tries.filter(({ stage, output }) => failed.has(stage) && output !== '').flatMap(outputLines),
    '',
  ];
}

/** Of the one run with a fault, where that went wrong. */
function outputsWithFault({ recording, faults }: Report): string[] {
  const isBad = faults?.outcomes.some(({ kind }) => !isGood(kind)) ?? false;
  if (!isBad) return [];
  return [...recording.tries.filter(({ output }) => output !== '').flatMap(outputLines), ''];
}

function outputLines({ stage, isRestart, output, omitted }: Try): string[] {
  const lines = printable(output).trimEnd().split('\n');
  const shown = lines.slice(-MOST_LINES);
  const isCut = omitted > 0 || shown.length < lines.length;
  const head = `  output of stage ${stage}${isRestart ? ', run once more' : ''}${isCut ? ', the end of it' : ''}:`;
  return ['', head, ...shown.map((line) => `    ${line}`)];
}

/** Every fault in a table; what is not good with the command that shows it again. */
function faultLines(report: Report): string[] {
  const found = report.faults?.outcomes ?? [];
  if (found.length === 0) return [];
  const faultWidth = Math.max(5, ...found.map(({ fault }) => fault.length));
  const kindWidth = Math.max(...outcomes.map((kind) => kind.length));
  const row = (fault: string, stage: string, kind: string, text: string) =>
    `${fault.padEnd(faultWidth)}  ${stage.padEnd(5)}  ${kind.padEnd(kindWidth)}  ${text}`.trimEnd();
  return [
    row('FAULT', 'STAGE', 'OUTCOME', ''),
    ...found.flatMap(({ fault, stage, kind, text }) => [
      row(printable(fault), String(stage ?? '-'), kind, oneLine(text)),
      ...(isGood(kind) ? [] : [`    again: ${printable(commandFor(report, fault))}`]),
    ]),
    '',
  ];
}

function verdict(report: Report): string {
  const { faults, isInterrupted, problems } = report;
  const how = isInterrupted ? 'interrupted' : hasPassed(report) ? 'passed' : 'FAILED';
  const time = duration(report.milliseconds);
  if (faults === undefined || faults.total === 0) {
    const what = problems.length === 0 ? '' : `: ${plural(problems.length, 'problem')}`;
    return `luo test: ${how} after ${time}${what}`;
  }
  const counts = countOutcomes(faults.outcomes);
  const parts = outcomes.filter((kind) => counts[kind] > 0).map((kind) => `${counts[kind]} ${kind}`);
  const of = faults.outcomes.length === faults.total ? '' : ` of ${faults.total}`;
  return `luo test: ${how} after ${time}: ${plural(faults.outcomes.length, 'fault')}${of}: ${parts.join(', ') || 'none'}`;
}

function oneLine(text: string): string {
  return printable(text).replace(/\s*\n\s*/g, ' ');
}
