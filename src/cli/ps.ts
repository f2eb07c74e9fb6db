import { writeSync } from 'node:fs';
import type { MachineStatus } from '../machine/control-protocol.js';
import { ask, runningMachines } from '../machine/registry.js';
import { formatBytes } from '../machine/report.js';

/** `luo ps`. */
export async function ps({ json = false }: { json?: boolean }): Promise<void> {
  const answers = await Promise.all(runningMachines().map(statusOf));
  const machines = answers.filter((status) => status !== undefined);
  writeSync(1, json ? `${JSON.stringify(machines, undefined, 2)}\n` : table(machines));
}

/** Undefined for a machine that has just ended, or not yet begun. */
async function statusOf(name: string): Promise<MachineStatus | undefined> {
  try {
    const answer = await ask(name, { request: 'status' });
    return answer !== undefined && 'status' in answer ? answer.status : undefined;
  } catch {
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
    machine.argv.join(' '),
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

function age(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} d`;
}
