/** A trace over the control socket. Whoever reads it may be slow, or stopped: the machine waits for nobody. */
import type { Socket } from 'node:net';
import type { TraceMessage } from './control-protocol.js';
import type { MachineEvent } from './events.js';
import { writeLine } from './json-lines.js';
import type { Machine } from './machine.js';

/** How much may wait for a reader, in bytes, before events are left out. */
const BACKLOG = 1 << 20;

/** Sends all that happens from now on, until the connection ends. */
export function sendTrace({ chronicle, settle }: Pick<Machine, 'chronicle' | 'settle'>, socket: Socket): void {
  let lost = 0;
  const write = (message: TraceMessage) => {
    writeLine(socket, message);
    // What does not go at once goes in a turn of Node's.
    if (socket.writableLength > 0) settle();
  };
  const send = (event: MachineEvent) => {
    // The last thing that happens must get through: without it the trace would seem to break off.
    if (socket.writableLength > BACKLOG && event.event !== 'end') {
      lost += 1;
      return;
    }
    if (lost > 0) write({ lost });
    lost = 0;
    write({ event });
  };
  socket.on(
    'close',
    chronicle.read(send, () => write({ upgrading: true })),
  );
}
