import type { Socket } from 'node:net';

/** Calls `handle` with each line that comes in, parsed. A line that is no JSON ends the connection. */
export function readLines(socket: Socket, handle: (message: unknown) => void): void {
  let text = '';
  socket.setEncoding('utf8');
  socket.on('data', (part: string) => {
    text += part;
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) {
      try {
        handle(JSON.parse(line));
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        socket.destroy();
        return;
      }
    }
  });
}

export function writeLine(socket: Socket, message: object): void {
  if (!socket.destroyed) socket.write(`${JSON.stringify(message)}\n`);
}
