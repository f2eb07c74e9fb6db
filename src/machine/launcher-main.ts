/**
 * The process that becomes the first program of a generation.
 *
 * It is started ahead of time and installs the filter, so that what is left to do when the generation begins is one
 * `execve`. From the filter on its own calls may come to the machine, and wait for it.
 */
import { setAllCloseOnExec, setCloseOnExec } from '../host/descriptors.js';
import { execute, resetSignals, SystemError } from '../host/libc.js';
import { setMark } from '../host/mark.js';
import { dieWithParent, joinProcessGroup, setDescriptorLimit, setNoNewPrivileges } from '../host/processes.js';
import { installFilter } from '../host/seccomp.js';
import { errno } from '../uapi/errno.js';
import { isBinary } from './command.js';
import { filterProgram } from './filter.js';
import {
  LAUNCHER_SOCKET,
  type LauncherCommand,
  type LauncherFailure,
  type LauncherOptions,
  type LauncherReady,
  receiveText,
  sendText,
} from './launcher-protocol.js';

// The machine that started this process wrote the argument.
const options = JSON.parse(process.argv[2] ?? '{}') as LauncherOptions;

dieWithParent();
setNoNewPrivileges();
if (options.descriptorLimit !== undefined) setDescriptorLimit(BigInt(options.descriptorLimit));
const listener = installFilter(filterProgram(process.arch, options));
if (listener < 0) fail({ operation: 'filter', errno: -listener });
resetSignals();
setAllCloseOnExec(LAUNCHER_SOCKET);
for (const standard of [0, 1, 2]) inherit(standard);
say({ listener });

// What comes after this line is a part of the blackout.
const text = receiveText(LAUNCHER_SOCKET);
// An end of file: the machine needs this generation no more.
if (text === '') process.exit(0);
// Until now no key of the terminal could end it, which is the last generation's.
joinProcessGroup(options.processGroup);
// Only the machine has the other end.
const command = JSON.parse(text) as LauncherCommand;
try {
  process.chdir(command.cwd);
} catch {
  fail({ operation: 'directory', errno: errno.ENOENT });
}
if (command.mark !== undefined) setMark(BigInt(command.mark));
let error = execute(command.file, command.argv, command.env);
if (error === errno.ENOEXEC && !isBinary(command.file)) {
  // A script without a first line that names its interpreter: the shell's.
  error = execute('/bin/sh', ['sh', command.file, ...command.argv.slice(1)], command.env);
}
fail({ operation: 'execute', errno: error });

/** Node made the standard descriptors close-on-exec when it started. One that is closed stays closed. */
function inherit(fd: number): void {
  try {
    setCloseOnExec(fd, false);
  } catch (caught) {
    if (!(caught instanceof SystemError)) throw caught;
  }
}

function say(message: LauncherReady | LauncherFailure): void {
  sendText(LAUNCHER_SOCKET, JSON.stringify(message));
}

function fail(failure: LauncherFailure): never {
  say(failure);
  process.exit(1);
}
