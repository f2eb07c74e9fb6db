/** What a system call costs under luo: one that it answers, one that it lets go on, and one that it never sees. */
import { compile } from '../testing/compile.js';
import type { Luo } from '../testing/luo.js';
import { luoCommand } from '../testing/luo.js';
import { inTurn, type Table } from './figures.js';

const CALLS = 20_000;

export async function calls(luo: Luo, rounds: number): Promise<Table[]> {
  const program = compile('bench/calls.c');
  const supervisor = compile('bench/supervisor.c');
  const under =
    (command: readonly string[], call: string, ...more: string[]) =>
    async () => {
      const { code, stdout, stderr } = await luo.startCommand([...command, program, call, String(CALLS), ...more])
        .result;
      if (code !== 0) throw new Error(`Cannot measure ${call} under ${command.join(' ')}: ${stderr}`);
      return Number(stdout) / 1000;
    };
  const run = [...luoCommand, 'run', '--'];
  return [
    {
      title: 'an ioctl of live update that the supervisor answers',
      rows: await inTurn(rounds, 'us', {
        'a minimal supervisor in C': under([supervisor], 'ioctl', 'no-device'),
        luo: under(run, 'ioctl'),
      }),
    },
    {
      title: 'open and close of an ordinary file, which the supervisor lets go on',
      rows: await inTurn(rounds, 'us', {
        'a minimal supervisor in C': under([supervisor], 'open'),
        luo: under(run, 'open'),
        'no supervisor': under([], 'open'),
      }),
    },
    {
      title: 'a call that is not trapped',
      rows: await inTurn(rounds, 'us', {
        'no supervisor': under([], 'getppid'),
        luo: under(run, 'getppid'),
      }),
    },
  ];
}
