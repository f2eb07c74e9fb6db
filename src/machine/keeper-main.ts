/** The keeper of a detached machine. The command that starts it waits until the machine is ready, and goes. */
import { Socket } from 'node:net';
import { KEEPER_SOCKET, type KeeperMessage, type MachineMessage } from './config.js';
import { readLines, writeLine } from './json-lines.js';
import { exitCode, keep } from './keeper.js';
import { adopt } from './registry.js';

const starter = new Socket({ fd: KEEPER_SOCKET });
starter.on('error', () => {});

readLines(starter, (message) => {
  // Only the command that started this process has the other end.
  const { request, ...said } = message as KeeperMessage;
  if (request !== 'boot' || !('config' in said)) return;
  const { config } = said;
  adopt(config.directory);
  keep(config, (pid) => tell({ event: 'ready', pid })).then((outcome) => {
    tell({ event: 'ended', outcome });
    const code = exitCode(outcome);
    starter.end(() => process.exit(code));
  });
});

function tell(message: MachineMessage): void {
  writeLine(starter, message);
}
