/** Tests that run as root try luo as somebody who is not, too. */
import { spawnSync } from 'node:child_process';
import { chownSync } from 'node:fs';
import { luoCommand } from './luo.js';

/** The user and group that own nothing. */
const NOBODY = 65534;

const becomeNobody = ['setpriv', '--reuid', String(NOBODY), '--regid', String(NOBODY), '--clear-groups'];

/** What to put before a command that an ordinary user is to run; or why that cannot be done here. */
export function asOrdinaryUser(): readonly string[] | string {
  if (process.getuid?.() !== 0) return [];
  const [file = '', ...args] = [...becomeNobody, ...luoCommand, '--version'];
  const { error, status, stderr } = spawnSync(file, args, { encoding: 'utf8', cwd: '/' });
  if (error) return `setpriv cannot be run (install util-linux): ${error.message}`;
  if (status !== 0) return `luo cannot be run by an ordinary user from where it is: ${stderr.trim()}`;
  return becomeNobody;
}

/** Gives a file to that user. */
export function giveTo(path: string): void {
  chownSync(path, NOBODY, NOBODY);
}
