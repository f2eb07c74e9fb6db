/** The keeper of a detached machine. The command that starts it waits until the machine is ready, and goes. */
import { Socket } from 'node:net';
import { KEEPER_SOCKET, type KeeperMessage, MACHINE_LOCK, type MachineMessage } from './config.js';
import { readLines, writeLine } from './json-lines.js';
import { exitCode, holdSignals, keep } from './keeper.js';

holdSignals();
const starter = new Socket({ fd: KEEPER_SOCKET });
let ready = false;
starter.on('error', () => {});
// The command was interrupted before it could say that there is a machine: there must be none.
starter.on('close', () => {
  if (!ready) process.kill(process.pid, 'SIGTERM');
});

readLines(starter, (message) => {
  // Only the command that started this process has the other end.
  const { request, ...said } = message as KeeperMessage;
  if (request !== 'boot' || !('config' in said)) return;
  keep(said.config, { lock: MACHINE_LOCK }, () => {
    ready = true;
    tell({ event: 'ready' });
  })
    .catch((error: unknown) => ({ failure: error instanceof Error ? error.message : String(error) }))
    .then((outcome) => {
      tell({ event: 'ended', outcome });
      const code = exitCode(outcome);
      starter.end(() => process.exit(code));
    });
});

function tell(message: MachineMessage): void {
  writeLine(starter, message);
}
