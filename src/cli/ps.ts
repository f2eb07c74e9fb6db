import { ask } from '../machine/control-client.js';
import type { FileStatus, MachineStatus, SessionStatus } from '../machine/control-protocol.js';
import { SetupError } from '../machine/directories.js';
import { quoted } from '../machine/quote.js';
import { runningMachines } from '../machine/registry.js';
import { formatBytes, plural, say } from '../machine/report.js';
import { print } from './output.js';
import { table, word } from './table.js';

/** How long a machine may take to answer. One that is stopped, as with Ctrl-Z, does not. Milliseconds. */
const PATIENCE = 3000;

/** `luo ps`. */
export async function ps({ sessions = false, json = false }: { sessions?: boolean; json?: boolean }): Promise<void> {
  const answers = await Promise.all(runningMachines().map((name) => statusOf(name, sessions)));
  const machines = answers.filter((status) => status !== undefined);
  if (json) print(`${JSON.stringify(machines, undefined, 2)}\n`);
  else print(sessions ? sessionTable(machines) : machineTable(machines));
}

/** Undefined for a machine that has just ended, or does not answer. */
async function statusOf(name: string, sessions: boolean): Promise<MachineStatus | undefined> {
  try {
    const answer = await ask(name, { request: 'status', sessions }, PATIENCE);
    if (answer !== undefined && 'error' in answer) say(`machine "${name}": ${answer.error}`);
    return answer !== undefined && 'status' in answer ? answer.status : undefined;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
    return undefined;
  }
}

function machineTable(machines: readonly MachineStatus[]): string {
  const rows = machines.map((machine) => [
    machine.name,
    String(machine.generation),
    String(machine.processes),
    String(machine.sessions),
    String(machine.files),
    formatBytes(BigInt(machine.bytes)),
    machine.state,
    age(Date.now() - machine.startedAt),
    machine.argv.map(word).join(' '),
  ]);
  return table(['NAME', 'GENERATION', 'PROCESSES', 'SESSIONS', 'FILES', 'PRESERVED', 'STATE', 'UP', 'COMMAND'], rows);
}

/** A row for each session, and below it one for each of its files. */
function sessionTable(machines: readonly MachineStatus[]): string {
  const rows = machines.flatMap(({ name, sessionList = [] }) =>
    sessionList.flatMap((session) => [sessionRow(name, session), ...session.files.map(fileRow)]),
  );
  return table(['MACHINE', 'SESSION', 'DIRECTION', 'STATE', 'RETRIEVED', 'HANDLER', 'SIZE'], rows);
}

function sessionRow(machine: string, session: SessionStatus): string[] {
  const { direction, state, retrieved, files } = session;
  return [machine, label(session), direction, state, yesOrNo(retrieved), plural(files.length, 'file'), total(files)];
}

function fileRow({ token, handler, bytes, retrieved }: FileStatus): string[] {
  const size = bytes === null ? '?' : formatBytes(BigInt(bytes));
  return ['', `  token 0x${BigInt(token).toString(16)}`, '', '', yesOrNo(retrieved), handler, size];
}

/** In quotes: as text where it is, else in ASCII, with any other byte written `\xNN`. */
function label({ name, nameHex }: SessionStatus): string {
  const bytes = Buffer.from(nameHex, 'hex');
  if (bytes.equals(Buffer.from(name))) return quoted(name);
  const hex = (character: string) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  return `"${bytes.toString('latin1').replace(/[^ -~]|["\\]/g, hex)}"`;
}

/** Unknown where the size of any file is. */
function total(files: readonly FileStatus[]): string {
  const known = files.flatMap(({ bytes }) => (bytes === null ? [] : [BigInt(bytes)]));
  return known.length < files.length ? '?' : formatBytes(known.reduce((sum, size) => sum + size, 0n));
}

function yesOrNo(retrieved: boolean | null): string {
  if (retrieved === null) return '-';
  return retrieved ? 'yes' : 'no';
}

function age(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} d`;
}
