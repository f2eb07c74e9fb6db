import { accessSync, constants as files } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { descriptorLimits } from '../host/processes.js';
import type { Profile } from '../kernel/kernel.js';
import { type Command, CommandError, findExecutable } from '../machine/command.js';
import { SetupError } from '../machine/directories.js';
import { FaultError, parseFault } from '../machine/fault-parser.js';
import { type FaultPoint, faultPoints } from '../machine/faults.js';
import { checkHost } from '../machine/preflight.js';
import { say } from '../machine/report.js';
import type { TestPlan } from '../test-runner/plan.js';
import { Pool } from '../test-runner/pool.js';
import { problemsOf } from '../test-runner/problems.js';
import { hasPassed, type Report } from '../test-runner/report.js';
import { json } from '../test-runner/reporters/json.js';
import { junit } from '../test-runner/reporters/junit.js';
import { spec } from '../test-runner/reporters/spec.js';
import { tap } from '../test-runner/reporters/tap.js';
import { runWithFault, sweep } from '../test-runner/sweep.js';
import { splitWords, WordsError } from '../test-runner/words.js';
import { print } from './output.js';
import { workingDirectory } from './working-directory.js';

export const reporters = { spec, tap, junit, json };

export interface TestOptions {
  /** Command lines, one for each generation. */
  readonly stage?: readonly string[];
  /** How many generations run the one command that is given as words. */
  readonly generations: number;
  readonly abi: Profile;
  readonly strict?: boolean;
  readonly extend?: boolean;
  readonly preserve?: string;
  readonly module?: readonly string[];
  /** Seconds. */
  readonly timeout: number;
  readonly until?: string;
  readonly sweep?: boolean;
  /** Points of faults, with commas between them. */
  readonly only?: string;
  readonly except?: string;
  readonly inject?: string;
  readonly reporter: keyof typeof reporters;
  readonly jobs: number;
}

/** What a person has typed wrong. */
const USAGE = 2;
const FAILED = 1;
const SIGNALLED = 128;

/**
 * `luo test`.
 *
 * @param words the command, where it is given as words
 * @returns the exit code: 0 passed, 1 failed, 2 for a command line that cannot be, 128 and the signal where one came
 */
export async function test(words: readonly string[], options: TestOptions): Promise<number> {
  checkHost();
  let plan: TestPlan;
  let points: readonly FaultPoint[] | undefined;
  try {
    plan = await planOf(words, options);
    points = pointsOf(options);
    if (options.inject !== undefined) checkFault(options.inject);
    for (const stage of plan.stages) findExecutable(stage);
  } catch (error) {
    const isTheirs = [SetupError, CommandError, WordsError, FaultError].some((type) => error instanceof type);
    if (!isTheirs || !(error instanceof Error)) throw error;
    say(error.message);
    return USAGE;
  }
  const pool = new Pool();
  const received = interruptBySignals(pool);
  const begun = performance.now();
  const found = await execute(pool, plan, options, points).finally(() => pool[Symbol.asyncDispose]());
  const report: Report = {
    ...found,
    plan,
    command: commandWords(words, options),
    isInterrupted: pool.isInterrupted,
    milliseconds: performance.now() - begun,
  };
  print(reporters[options.reporter](report));
  const [signal] = received;
  if (signal !== undefined) return SIGNALLED + constants.signals[signal];
  return hasPassed(report) ? 0 : FAILED;
}

/** @throws FaultError for a fault that cannot be read, WordsError for one that strikes no machine of a test */
function checkFault(text: string): void {
  const { point } = parseFault(text);
  if (point !== 'kill_keeper') return;
  throw new WordsError(
    'Cannot inject kill_keeper: the machines of a test have no keeper. Use it with: luo run --inject',
  );
}

async function execute(
  pool: Pool,
  plan: TestPlan,
  { inject, sweep: isSweep, jobs }: TestOptions,
  points: readonly FaultPoint[] | undefined,
): Promise<Pick<Report, 'recording' | 'problems' | 'faults'>> {
  if (isSweep === true) {
    const found = await sweep(pool, { plan, jobs, ...(points === undefined ? {} : { points }), progress });
    const { clean: recording, problems, faults, outcomes } = found;
    return { recording, problems, faults: { total: faults.length, outcomes } };
  }
  const recording = await pool.run({ plan });
  const problems = problemsOf(recording, plan);
  if (inject === undefined || problems.length > 0 || pool.isInterrupted) return { recording, problems };
  const faulty = await runWithFault(pool, plan, recording, inject);
  if (faulty === undefined) return { recording, problems };
  return { recording: faulty.recording, problems: [], faults: { total: 1, outcomes: [faulty.outcome] } };
}

/** The first signal ends what runs, and there is a report of what was done. */
function interruptBySignals(pool: Pool): NodeJS.Signals[] {
  const received: NodeJS.Signals[] = [];
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      received.push(signal);
      pool.interrupt();
    });
  }
  return received;
}

/** On a terminal that does not show the report yet. */
function progress(done: number, total: number): void {
  if (process.stderr.isTTY) process.stderr.write(done === total ? '\r\x1b[K' : `\r${done} of ${total} faults`);
}

async function planOf(words: readonly string[], options: TestOptions): Promise<TestPlan> {
  const { stage = [], preserve, until } = options;
  if (words.length > 0 && stage.length > 0)
    throw new SetupError('Cannot test a command and stages at once: give the command of each generation with --stage');
  const argvs = stage.length > 0 ? stage.map(splitWords) : Array.from({ length: options.generations }, () => words);
  if (words.length === 0 && stage.length === 0)
    throw new SetupError('Cannot test nothing: name the agent, or one command for each generation with --stage');
  const env = Object.entries({ ...process.env, LUO_MACHINE: 'test' }).map(([name, value]) => `${name}=${value ?? ''}`);
  const limit = descriptorLimits(process.ppid)?.soft;
  const cwd = workingDirectory();
  checkTemporaryDirectory();
  return {
    stages: argvs.map((argv): Command => ({ argv, env, cwd })),
    profile: options.abi,
    strict: options.strict ?? false,
    extend: options.extend ?? false,
    preserve: preserve === undefined ? [] : (await import('../machine/preserved-kinds.js')).parseKinds(preserve),
    modules: (options.module ?? []).map((path) => resolve(path)),
    timeout: options.timeout * 1000,
    ...(until === undefined ? {} : { until: checkedPattern(until) }),
    ...(limit === undefined ? {} : { descriptorLimit: String(limit) }),
  };
}

/** @throws SetupError where a run could not have a directory of its own */
function checkTemporaryDirectory(): void {
  try {
    accessSync(tmpdir(), files.W_OK | files.X_OK);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SetupError(`Cannot make a directory for a run: ${reason}. Set TMPDIR to one that you can write`);
  }
}

function checkedPattern(text: string): string {
  try {
    new RegExp(text);
    return text;
  } catch (error) {
    throw new SetupError(`Cannot look for lines with --until: ${error instanceof Error ? error.message : error}`);
  }
}

/** @throws SetupError for a point that there is not, and where there is nothing to choose from, or left */
function pointsOf({ only, except, sweep: isSweep }: TestOptions): readonly FaultPoint[] | undefined {
  if (only === undefined && except === undefined) return undefined;
  if (isSweep !== true)
    throw new SetupError('Cannot choose faults with --only or --except without --sweep: there are none. Add --sweep');
  const wanted = only === undefined ? faultPoints : pointsIn(only);
  const unwanted = except === undefined ? [] : pointsIn(except);
  const points = wanted.filter((point) => !unwanted.includes(point));
  if (points.length > 0) return points;
  throw new SetupError('Cannot sweep over no faults: --except takes all that --only names');
}

function pointsIn(text: string): FaultPoint[] {
  return text.split(',').map((word) => {
    const found = faultPoints.find((point) => point === word.trim());
    if (found !== undefined) return found;
    throw new SetupError(`Cannot sweep over "${word}": there is no such point. There are ${faultPoints.join(', ')}`);
  });
}

/** The command line again, without what says which faults there are and how they are shown. */
function commandWords(words: readonly string[], options: TestOptions): string[] {
  const { stage = [], generations, abi, strict, extend, preserve, module = [], timeout, until } = options;
  return [
    ...(abi === 'linux' ? [] : ['--abi', abi]),
    ...(strict === true ? ['--strict'] : []),
    ...(extend === true ? ['--extend'] : []),
    ...(preserve === undefined ? [] : ['--preserve', preserve]),
    ...module.flatMap((path) => ['--module', path]),
    ...(timeout === DEFAULT_TIMEOUT ? [] : ['--timeout', String(timeout)]),
    ...(until === undefined ? [] : ['--until', until]),
    ...(generations === DEFAULT_GENERATIONS || words.length === 0 ? [] : ['--generations', String(generations)]),
    ...stage.flatMap((text) => ['--stage', text]),
    ...(words.length === 0 ? [] : ['--', ...words]),
  ];
}

/** Seconds that a stage may take. */
export const DEFAULT_TIMEOUT = 30;
export const DEFAULT_GENERATIONS = 2;
