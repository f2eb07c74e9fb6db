/** The process of a detached holder. The command that starts it waits until the port is held, and goes. */
import { Socket } from 'node:net';
import { writeLine } from '../machine/json-lines.js';
import { say } from '../machine/report.js';
import { Holder } from '../serial/holder.js';
import { type DetachedHolder, type DetachedMessage, holdHere, STARTER } from './serial-hold.js';

const starter = new Socket({ fd: STARTER });
let started = false;
starter.on('error', () => {});
try {
  // Only the command that starts this process writes its arguments.
  const config = JSON.parse(process.argv[2] ?? '') as DetachedHolder;
  const holder = new Holder({ ...config, say: report });
  started = true;
  tell({ holds: true });
  starter.end();
  await holdHere(holder);
} catch (error) {
  const failure = error instanceof Error ? error.message : String(error);
  if (started) say(failure);
  else tell({ failure });
  process.exitCode = 1;
  starter.end();
}

/** In the log, and for the command as long as it listens. */
function report(message: string): void {
  say(message);
  if (!started) tell({ said: message });
}

function tell(message: DetachedMessage): void {
  writeLine(starter, message);
}
