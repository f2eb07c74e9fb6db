/**
 * `npm start`: a live update of a program with 1 GiB of memory, as a person would do it with `luo`, and what happened
 * when. It ends with 0 only where everything that it shows was found to hold.
 *
 *     npm start -- --size MEBIBYTES
 */
import { constants } from 'node:os';
import { parseArgs } from 'node:util';
import type { MachineStatus } from '../machine/control-protocol.js';
import { Luo, type Running } from '../testing/luo.js';
import { compileAgents } from './agents.js';
import { Failure } from './failure.js';
import { checkMemory } from './memory.js';
import { Timeline } from './timeline.js';

const MACHINE = 'demo';

/** The agent has four large files. */
const LEAST_SIZE = 4;

process.exitCode = await main();

async function main(): Promise<number> {
  const interruption = Promise.race((['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map(interruptedBy));
  try {
    await using luo = new Luo();
    const signal = await Promise.race([interruption, show(luo)]);
    return signal === undefined ? 0 : 128 + constants.signals[signal];
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    console.error(error.message);
    return 1;
  }
}

function interruptedBy(signal: NodeJS.Signals): Promise<NodeJS.Signals> {
  return new Promise((resolve) => process.on(signal, resolve));
}

async function show(luo: Luo): Promise<undefined> {
  const size = sizeOf();
  checkMemory(size);
  await compileAgents(luo.directory);

  const timeline = new Timeline();
  timeline.add(`luo run --name ${MACHINE} -- ./agent-1 ${size}`);
  const machine = luo.start(['run', '--name', MACHINE, '--', './agent-1', String(size)]);
  for (const output of [machine.child.stdout, machine.child.stderr]) if (output !== null) timeline.follow(output);
  await unlessEnded(machine, timeline.matches(/^agent 1: .* goes on writing$/));

  timeline.add(`luo kexec ${MACHINE} -- ./agent-2`);
  const { code, stderr } = await luo.run(['kexec', MACHINE, '--', './agent-2']);
  if (code !== 0) throw new Failure(`The live update failed. ${stderr}`);
  await unlessEnded(machine, timeline.matches(/^agent 2: .* checked by hash: same bytes, same size, same position$/));
  const [, same, all] = await unlessEnded(
    machine,
    timeline.matches(/^agent 2: (\d+) of (\d+) files are the very same/),
  );
  if (same !== all) throw new Failure(`Only ${same} of ${all} files are the ones that agent 1 had: others were copied`);
  await unlessEnded(machine, timeline.matches(/^agent 2: finished .* goes on$/));
  checkStatus(await luo.run(['ps', '--json']).then(({ stdout }) => stdout));

  timeline.add(`luo stop ${MACHINE}`);
  await luo.run(['stop', MACHINE]);
  await machine.result;
  await luo.nothingIsLeft();
  timeline.add('nothing is left of the machine; everything held');
}

function sizeOf(): number {
  const { values } = parseArgs({ options: { size: { type: 'string', default: '1024' } } });
  const size = Number(values.size);
  if (Number.isInteger(size) && size >= LEAST_SIZE) return size;
  throw new Failure(`Cannot show an agent with "${values.size}" MiB: --size must be a whole number from ${LEAST_SIZE}`);
}

/** @throws Failure where the machine ended before what was waited for has come: its last words are in the timeline */
async function unlessEnded<T>(machine: Running, what: Promise<T>): Promise<T> {
  const ended = machine.result.then(({ code, stderr }) => {
    const reason = stderr.trim().split('\n').at(-1);
    throw new Failure(`The machine ended with exit code ${code}, which it should not have: ${reason}`);
  });
  return Promise.race([what, ended]);
}

/** What `luo ps` says of a machine whose second agent has finished all sessions, and runs. */
function checkStatus(json: string): void {
  // What our own command prints.
  const [status] = JSON.parse(json) as MachineStatus[];
  if (status?.generation === 2 && status.processes === 1 && status.sessions === 0 && status.files === 0) return;
  throw new Failure(`The machine should run one program in generation 2, and have no session: ${json}`);
}
