import type { Socket } from 'node:net';

/** The longest line: more than the arguments of any program. A connection that sends a longer one ends. */
const LONGEST_LINE = 1 << 23;

/** Calls `handle` with each line that comes in, parsed. A line that is no JSON ends the connection. */
export function readLines(socket: Socket, handle: (message: unknown) => void): void {
  let text = '';
  socket.setEncoding('utf8');
  socket.on('data', (part: string) => {
    text += part;
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) {
      const message = parse(line);
      if (message === undefined) socket.destroy();
      if (socket.destroyed) return;
      handle(message);
    }
    if (text.length > LONGEST_LINE) socket.destroy();
  });
}

/** Undefined for what is no JSON. */
function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

export function writeLine(socket: Socket, message: object): void {
  if (!socket.destroyed) socket.write(`${JSON.stringify(message)}\n`);
}
