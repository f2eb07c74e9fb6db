/** How long nothing runs while a machine goes into the next generation, and how much memory luo takes for it. */
import { readFileSync } from 'node:fs';
import type { MachineStatus } from '../machine/control-protocol.js';
import { compile } from '../testing/compile.js';
import type { Luo } from '../testing/luo.js';
import { figure, inTurn, type Table } from './figures.js';

const GIB = 2 ** 30;

/** The preserved memory, by the name of the machine that holds it. */
const memories = {
  '4-KiB': [4096, 'sparse'],
  '1-GiB-sparse': [GIB, 'sparse'],
  '1-GiB-dense': [GIB, 'dense'],
  '8-GiB-sparse': [8 * GIB, 'sparse'],
  '1-GiB-mapped': [GIB, 'mapped'],
} as const;

const names = Object.keys(memories);

export async function blackouts(luo: Luo, rounds: number): Promise<Table[]> {
  const holder = compile('bench/holder.c');
  for (const [name, [bytes, kind]] of Object.entries(memories)) {
    await luo.run(['run', '-d', '--name', name, '--', holder, String(bytes), kind]);
    await luo.logMatches(name, /^holds$/m);
  }
  // The first one compiles the code of a live update.
  for (const name of names) await blackout(luo, name);
  const rows = await inTurn(rounds, 'ms', Object.fromEntries(names.map((name) => [name, () => blackout(luo, name)])));
  const peaks = await Promise.all(names.map((name) => peakMemory(luo, name)));
  const least = peaks[0] ?? Number.NaN;
  for (const name of names) await luo.run(['stop', name]);
  return [
    { title: 'blackout of luo kexec, by the size of the preserved memory', rows },
    {
      title: `peak memory of the machine's process after ${rounds + 1} live updates`,
      rows: names.map((what, index) => {
        const peak = peaks[index] ?? Number.NaN;
        return { what, figure: figure([peak]), unit: 'MiB', ratio: index === 0 ? undefined : peak / least };
      }),
    },
  ];
}

/** As `luo kexec` tells it, once the next program holds the memory again. */
async function blackout(luo: Luo, name: string): Promise<number> {
  const before = occurrences(luo.log(name));
  const { stderr } = await luo.run(['kexec', name]);
  const [, milliseconds] = /blackout ([\d.]+) ms/.exec(stderr) ?? [];
  if (milliseconds === undefined) throw new Error(`Cannot measure a live update of ${name}: ${stderr}`);
  await luo.logMatches(name, new RegExp(`(?:^holds$[^]*?){${before + 1}}`, 'm'));
  return Number(milliseconds);
}

function occurrences(log: string): number {
  return log.split('\n').filter((line) => line === 'holds').length;
}

async function peakMemory(luo: Luo, name: string): Promise<number> {
  const { stdout } = await luo.run(['ps', '--json']);
  // What our own command prints.
  const machine = (JSON.parse(stdout) as MachineStatus[]).find((one) => one.name === name);
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${machine?.pid}/status`, 'latin1')) ?? [];
  return Number(kibibytes) / 1024;
}
