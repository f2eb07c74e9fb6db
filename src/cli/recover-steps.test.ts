/** SIGKILL of the machine, of its program and of its keeper, at every step: no preserved byte is lost. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { kexecSteps } from '../machine/events.js';
import { plural } from '../machine/report.js';
import { compile, noCompiler } from '../testing/compile.js';
import { eventually, Luo } from '../testing/luo.js';

const skip = noCompiler();
const agent = skip ? '' : compile('test/programs/recovery.c');

/** How often the agent makes each of its calls until it is ready, in both generations. */
const calls = { open: 2, retrieve_session: 4, retrieve_fd: 4, finish: 2, create_session: 4, preserve_fd: 8 } as const;

const moments = [
  ...kexecSteps.map((step) => `after=${step}`),
  ...Object.entries(calls).flatMap(([call, count]) =>
    Array.from({ length: count }, (_, index) => `after=${call}:nth=${index + 1}`),
  ),
];

/** Each waits for processes to start most of the time. */
const AT_A_TIME = 4;

for (const victim of ['machine', 'agent', 'keeper']) {
  test(`SIGKILL of the ${victim} after each call and each step of a kexec loses no preserved byte`, {
    skip,
  }, async (t) => {
    const rows: string[] = [];
    const waiting = [...moments];
    const work = async () => {
      for (let moment = waiting.shift(); moment !== undefined; moment = waiting.shift()) {
        rows.push(`${moment.padEnd(28)} ${await strike(`kill_${victim}:${moment}`)}`);
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, work));
    equal(rows.length, moments.length);
    for (const row of rows.sort()) t.diagnostic(row);
  });
}

/** Runs the agent with a fault, and checks all that it was told is preserved. Gives what has happened, in a few words. */
async function strike(fault: string): Promise<string> {
  await using luo = new Luo();
  await luo.run(['run', '-d', '--name', 'web', '--inject', fault, '--', agent]);
  const become = await eventually(`${fault}: the machine is held, goes on or has ended`, () => {
    if (/^luo: machine "web" is held/m.test(luo.log('web'))) return 'recovered';
    if (/^ready$/m.test(luo.log('web'))) return 'went on';
    return luo.machines().length === 0 ? 'ended' : undefined;
  });
  const preserved = preservedIn(luo.log('web'));
  if (become === 'ended') {
    deepEqual(preserved, [], `${fault}: nothing was preserved:\n${luo.log('web')}`);
    return 'nothing was preserved, and nothing is left';
  }
  const command = become === 'recovered' ? 'recover' : 'kexec';
  const { code, stdout, stderr } = await luo.run([command, 'web', '--', agent, 'check', ...preserved]);
  equal(code, 0, `${fault}: ${stderr}\n${luo.log('web')}`);
  if (become === 'recovered') match(stdout, /^recovered "web" as generation \d: /);
  // An agent whose machine was killed under it may have said something, too, before that.
  const log = await luo.logMatches('web', /^checked \d+$|^luo: recovered [\s\S]*not so/m);
  match(log, new RegExp(`^checked ${preserved.length}$`, 'm'), `${fault}:\n${log}`);
  await luo.nothingIsLeft();
  if (!fault.startsWith('kill_agent') || become === 'recovered') ok(!/never struck/.test(log), log);
  return `${become}: ${plural(preserved.length, 'file')}, every byte is there`;
}

/** The files that are preserved, by what the agent was told before the crash: `a:1`. */
function preservedIn(log: string): string[] {
  const files = new Set<string>();
  for (const line of log.split('\n')) {
    const [sign, session, token] = line.split(' ');
    if (sign === '+') files.add(`${session}:${token}`);
    if (sign === '-') for (const file of files) if (file.startsWith(`${session}:`)) files.delete(file);
  }
  return [...files];
}
