import { chooseMachine, follow } from '../machine/control-client.js';
import { SetupError } from '../machine/directories.js';
import { plural, say } from '../machine/report.js';
import { TraceLines } from '../machine/trace-lines.js';
import { print } from './output.js';

/** `luo trace`. Returns when the machine has ended, or nobody reads any more. */
export async function trace(name: string | undefined, { json = false }: { json?: boolean }): Promise<void> {
  const machine = chooseMachine(name);
  const lines = new TraceLines();
  let ended = false;
  await follow(machine, (message) => {
    if ('lost' in message) {
      say(`${plural(message.lost, 'event')} lost: they came faster than they were read`);
      return;
    }
    if ('upgrading' in message) {
      say(`another luo takes over machine "${machine}": what happens until it does is not shown`);
      return;
    }
    const { event } = message;
    ended = event.event === 'end' && !['kexec', 'restart', 'rollback'].includes(event.by);
    const text = json ? [JSON.stringify(event)] : lines.format(event);
    if (!print(text.map((line) => `${line}\n`).join(''))) process.exit(0);
  });
  if (ended) return;
  throw new SetupError(
    `The trace of machine "${machine}" breaks off: the machine was ended by force, or has ended before all was read`,
  );
}
