/** What real drivers were measured to do (test/serial), and what ours do: the same calls, step for step. */
import { deepEqual, fail } from 'node:assert/strict';
import { test } from 'node:test';
import { type Aspect, answeredElsewhere, type Difference, differences } from './testing/differences.js';
import { type MeasuredStep, modemBits, modemText, readMeasured } from './testing/measured.js';
import { type Answer, Replay } from './testing/replay.js';
import { TtyBench } from './testing/tty-bench.js';

interface Subject {
  readonly record: string;
  readonly port: string;
}

const subjects: readonly Subject[] = [
  { record: 'linux-7.3-8250', port: 'ttyS1=8250' },
  { record: 'linux-6.1-cdc-acm', port: 'ttyACM0=cdc-acm' },
  { record: 'linux-6.1-ftdi', port: 'ttyUSB0=usb-serial' },
];

/** MCR as the measured chip had it when the driver found it. */
const MODEM_CONTROL = 4;
const MCR_OUT2 = 8;

/** Steps that are the same, and those that are not compared, by reason. */
class Tally {
  steps = 0;
  readonly reasons = new Map<string, number>();

  except(reason: string): void {
    this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
  }

  get report(): string[] {
    const lines = [...this.reasons].map(([reason, count]) => `${count} not compared: ${reason}`);
    return [`${this.steps} steps compared`, ...lines];
  }
}

const used = new Set<unknown>();

for (const { record, port } of subjects) {
  const { driver, kernel, cases } = readMeasured(record);
  const tally = new Tally();
  for (const { name, steps } of cases) {
    test(`${kernel}, ${driver}, ${name}: the same lines move at the same calls, with the same results`, () => {
      const bench = new TtyBench(port);
      const replay = new Replay(bench, name);
      bench.setInputs({ cts: true, dsr: true, dcd: true });
      if (bench.hardware.driver === '8250') bench.hardware.registers.write(MODEM_CONTROL, MCR_OUT2);
      bench.edges.take();
      for (const [index, step] of steps.entries()) {
        const rest = follow(bench, replay, { step, record, name }, tally);
        if (rest === undefined) continue;
        for (const _ of steps.slice(index + 1)) tally.except(rest.reason);
        return;
      }
    });
  }
  test(`${kernel}, ${driver}: what is not compared is counted`, (context) => {
    for (const line of tally.report) context.diagnostic(line);
  });
}

test('no difference is listed that is none', () => {
  const listed = [...differences, ...answeredElsewhere.map(([pattern]) => pattern)];
  deepEqual(
    listed.filter((one) => !used.has(one)),
    [],
  );
});

interface Place {
  readonly step: MeasuredStep;
  readonly record: string;
  readonly name: string;
}

/** Makes one step. @returns the difference after which the case is another one */
function follow(bench: TtyBench, replay: Replay, place: Place, tally: Tally): Difference | undefined {
  const { step, record, name } = place;
  const answer = replay.perform(step.call);
  if (answer === undefined) {
    const [pattern, reason = ''] =
      answeredElsewhere.find(([one]) => one.test(step.call)) ?? fail(`not known: ${step.call}`);
    used.add(pattern);
    tally.except(reason);
  } else tally.steps += 1;
  let rest: Difference | undefined;
  for (const [aspect, ours, measured] of compared(bench, replay, step, answer)) {
    if (ours === measured) continue;
    const known = differences.find(
      (one) =>
        one.record.test(record) && one.name.test(name) && one.call.test(step.call) && one.aspects.includes(aspect),
    );
    if (known === undefined) fail(`${step.call}: ${aspect} is "${ours}", measured was "${measured}"`);
    used.add(known);
    tally.except(known.reason);
    if (known.toTheEnd) rest = known;
  }
  return rest;
}

type Comparison = readonly [aspect: Aspect, ours: string, measured: string];

function compared(bench: TtyBench, replay: Replay, step: MeasuredStep, answer: Answer | undefined): Comparison[] {
  const found: Comparison[] = [['edges', bench.edges.take(), step.edges ?? '']];
  const sent = bench.takeSent();
  // The records of USB drivers do not count bytes.
  if (bench.hardware.driver === '8250') found.push(['transmitted', `${sent}`, `${step.transmitted ?? 0}`]);
  if (answer !== undefined) found.push(['answer', said(answer), said(step)]);
  for (const aspect of ['value', 'serial', 'icount'] as const) {
    if (answer?.[aspect] !== undefined) found.push([aspect, `${answer[aspect]}`, `${step[aspect]}`]);
  }
  if (replay.isDead) return found;
  if (step.modem !== undefined) found.push(['modem', replay.modem, ordered(step.modem)]);
  if (step.termios !== undefined) found.push(['termios', replay.termios, step.termios]);
  return found;
}

/** Descriptors have other numbers here; larger ones are lines. */
function said({ result, errno }: Answer): string {
  if (errno !== undefined) return errno;
  return result !== undefined && result > 99 ? `${result}` : 'done';
}

function ordered(modem: string): string {
  return modem === 'EIO' ? modem : modemText(modemBits(modem));
}
