import { ask } from '../machine/control-client.js';
import type { MachineStatus } from '../machine/control-protocol.js';
import { SetupError } from '../machine/directories.js';
import { runningMachines } from '../machine/registry.js';
import { formatBytes, say } from '../machine/report.js';
import { print } from './output.js';

/** How long a machine may take to answer. One that is stopped, as with Ctrl-Z, does not. Milliseconds. */
const PATIENCE = 3000;

/** `luo ps`. */
export async function ps({ json = false }: { json?: boolean }): Promise<void> {
  const answers = await Promise.all(runningMachines().map(statusOf));
  const machines = answers.filter((status) => status !== undefined);
  print(json ? `${JSON.stringify(machines, undefined, 2)}\n` : table(machines));
}

/** Undefined for a machine that has just ended, or does not answer. */
async function statusOf(name: string): Promise<MachineStatus | undefined> {
  try {
    const answer = await ask(name, { request: 'status' }, PATIENCE);
    return answer !== undefined && 'status' in answer ? answer.status : undefined;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
    return undefined;
  }
}

function table(machines: readonly MachineStatus[]): string {
  const rows = machines.map((machine) => [
    machine.name,
    String(machine.generation),
    String(machine.processes),
    String(machine.sessions),
    String(machine.files),
    formatBytes(BigInt(machine.bytes)),
    age(Date.now() - machine.startedAt),
    machine.argv.map(quote).join(' '),
  ]);
  const lines = [['NAME', 'GENERATION', 'PROCESSES', 'SESSIONS', 'FILES', 'PRESERVED', 'UP', 'COMMAND'], ...rows];
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const format = (line: string[]) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return `${lines.map(format).join('\n')}\n`;
}

/** A word as it is, where it can be told from others; what would break the table is escaped. */
function quote(word: string): string {
  return /^[^\s"\p{C}]+$/u.test(word) ? word : JSON.stringify(word);
}

function age(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} d`;
}
