/** How long it takes until a program runs, and is over. */
import type { Luo } from '../testing/luo.js';
import { luoCommand } from '../testing/luo.js';
import { inTurn, type Table } from './figures.js';

export async function startup(luo: Luo, rounds: number): Promise<Table[]> {
  const time = (command: readonly string[]) => async () => {
    const begun = performance.now();
    await luo.startCommand(command).result;
    return performance.now() - begun;
  };
  return [
    {
      title: 'start and end of a program that does nothing',
      rows: await inTurn(rounds, 'ms', {
        'node -e 0': time([process.execPath, '-e', '0']),
        'luo run true': time([...luoCommand, 'run', 'true']),
        true: time(['true']),
      }),
    },
  ];
}
