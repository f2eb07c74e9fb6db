/** How near luo comes to a real Linux: the observations of test/conformance, made on a machine, beside the record. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compile } from './compile.js';
import { eventually, Luo } from './luo.js';

/** Where the outcome stands for people to read. */
export const reportFile = fileURLToPath(new URL('../../docs/conformance.md', import.meta.url));

/** One line of the probe. */
export interface Observation {
  /** 1 before the live update, 2 after it. */
  readonly stage: number;
  /** The case that it belongs to. */
  readonly name: string;
  /** What was seen: one or more `key=value`. */
  readonly seen: string;
}

/** An observation that only one side made, or that both made differently. */
export interface Difference {
  readonly stage: number;
  readonly name: string;
  readonly linux: string | undefined;
  readonly luo: string | undefined;
}

export interface Comparison {
  /** How many lines the record has. */
  readonly total: number;
  /** How many of them luo gives too. */
  readonly equal: number;
  readonly differences: readonly Difference[];
}

/** Why some lines differ. */
export interface Reason {
  /** A regular expression for the lines that it explains. */
  readonly lines: string;
  readonly reason: string;
}

/** A difference and why it is there. */
export interface Explained extends Difference {
  readonly reason: string;
}

/** What Linux 7.3 answered. */
export function recorded(): Observation[] {
  return dataFile('linux-7.3.obs')
    .split('\n')
    .flatMap((line) => {
      const [, stage, text] = /^([12]) (OBS .*)$/.exec(line) ?? [];
      return text === undefined ? [] : observations(Number(stage), text);
    });
}

/** Why luo's answers differ where they do. */
export function knownReasons(): Reason[] {
  // The file is part of this project.
  return JSON.parse(dataFile('reasons.json')) as Reason[];
}

/** Runs the probe on a machine of its own, through a live update. */
export async function observeLuo({ strict }: { readonly strict: boolean }): Promise<Observation[]> {
  const probe = compile('test/conformance/probe.c');
  await using luo = new Luo();
  const name = 'conformance';
  const options = strict ? ['--strict'] : [];
  await succeeds(luo, ['run', ...options, '--detach', '--name', name, '--', probe, '1']);
  // The program itself has ended by then, with all that it had to say.
  const before = await luo.logMatches(name, /^luo: .* stays up/m);
  await succeeds(luo, ['kexec', name, '--', probe, '2']);
  await eventually(`machine ${name} ends`, () => (luo.machines().includes(name) ? undefined : true));
  return [...observations(1, before), ...observations(2, luo.log(name).slice(before.length))];
}

async function succeeds(luo: Luo, args: readonly string[]): Promise<void> {
  const { code, stderr } = await luo.run(args);
  if (code !== 0) throw new Error(`luo ${args.join(' ')} exited with ${code}: ${stderr}`);
}

/** The lines of the probe in what a program printed. */
export function observations(stage: number, text: string): Observation[] {
  return [...text.matchAll(/^OBS (\S+) (.+)$/gm)].map(([, name = '', seen = '']) => ({
    stage,
    name,
    // The one name that is another on each run.
    seen: seen.replace(/probe-\w{6}/, 'probe-XXXXXX'),
  }));
}

/** Compares the lines of each case, in whatever order they come. */
export function compare(linux: readonly Observation[], luo: readonly Observation[]): Comparison {
  const theirs = byCase(linux);
  const ours = byCase(luo);
  const differences: Difference[] = [];
  for (const key of new Set([...theirs.keys(), ...ours.keys()])) {
    const missing = (theirs.get(key) ?? []).slice();
    const added = (ours.get(key) ?? []).filter(({ seen }) => !take(missing, (other) => other.seen === seen));
    for (const { stage, name, seen } of missing) {
      const other = take(added, (line) => firstKey(line.seen) === firstKey(seen));
      differences.push({ stage, name, linux: seen, luo: other?.seen });
    }
    for (const { stage, name, seen } of added) differences.push({ stage, name, linux: undefined, luo: seen });
  }
  const lost = differences.filter((difference) => difference.linux !== undefined).length;
  return { total: linux.length, equal: linux.length - lost, differences };
}

function byCase(lines: readonly Observation[]): Map<string, Observation[]> {
  const cases = new Map<string, Observation[]>();
  for (const line of lines) {
    const key = `${line.stage} ${line.name}`;
    cases.set(key, [...(cases.get(key) ?? []), line]);
  }
  return cases;
}

/** Removes the first line that matches. */
function take(lines: Observation[], matches: (line: Observation) => boolean): Observation | undefined {
  const index = lines.findIndex(matches);
  return index < 0 ? undefined : lines.splice(index, 1)[0];
}

/** What tells the steps of a case apart. */
function firstKey(seen: string): string {
  return /^[^= ]*/.exec(seen)?.[0] ?? '';
}

/**
 * Finds the reason of each difference: the first that matches.
 *
 * @throws Error where a difference has no reason, or a reason no difference
 */
export function explain(differences: readonly Difference[], reasons: readonly Reason[]): Explained[] {
  const unused = new Set(reasons);
  const unexplained: string[] = [];
  const explained: Explained[] = [];
  for (const difference of differences) {
    const { stage, name, linux, luo } = difference;
    const line = `${stage} ${name} ${linux ?? luo}`;
    const found = reasons.find(({ lines }) => new RegExp(lines).test(line));
    if (found === undefined) unexplained.push(`${stage} ${name}: Linux says "${linux}", luo says "${luo}"`);
    else {
      unused.delete(found);
      explained.push({ ...difference, reason: found.reason });
    }
  }
  const problems = [
    ...unexplained.map((line) => `No reason for: ${line}`),
    ...[...unused].map(({ lines }) => `No difference that the reason for /${lines}/ would explain`),
  ];
  if (problems.length > 0) throw new Error(['The reasons do not fit:', ...problems].join('\n'));
  return explained;
}

/** The text of docs/conformance.md. */
export function describe({ total, equal }: Comparison, differences: readonly Explained[]): string {
  const rows = differences.map(
    ({ stage, name, linux, luo, reason }) => `| ${stage} | \`${name}\` | ${code(linux)} | ${code(luo)} | ${reason} |`,
  );
  return `# How near luo comes to Linux

\`test/conformance/probe.c\` makes ${total} observations of live update, from the system calls that a program has. On a strict machine (\`luo run --strict\`) luo gives
**${equal} of the ${total}** as Linux 7.3 does. Below is every one that differs, and why. Stage 1 is before the live update, stage 2 after it. A test compares it all again and fails
where this page is not true any more; \`npm run docs:conformance\` writes it.

Without \`--strict\`, calls that have nothing to do with live update go straight to the kernel underneath, and some show what luo's descriptors are made of: \`read\`,
\`write\`, \`fstat\`, \`F_GETFL\` and foreign ioctls on them. A frozen file then refuses another size and \`fallocate\`, but neither a write over its end nor
\`madvise(MADV_REMOVE)\`.

| stage | case | Linux 7.3 | luo | why |
|---|---|---|---|---|
${rows.join('\n')}
`;
}

/** A line as code in a table, where a bar would end the cell. */
function code(line: string | undefined): string {
  return line === undefined ? 'nothing' : `\`${line.replaceAll('|', '\\|')}\``;
}

function dataFile(name: string): string {
  return readFileSync(new URL(`../../test/conformance/${name}`, import.meta.url), 'utf8');
}
