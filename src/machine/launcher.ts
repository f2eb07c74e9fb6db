import { fileURLToPath } from 'node:url';
import { close, receive, send, socketPair } from '../host/descriptors.js';
import { spawn } from '../host/libc.js';
import { openProcess, takeDescriptor } from '../host/processes.js';
import { Listener } from '../host/seccomp.js';
import { errnoName } from '../uapi/errno.js';
import {
  LAUNCHER_SOCKET,
  type LauncherCommand,
  type LauncherFailure,
  type LauncherOptions,
  type LauncherReady,
} from './launcher-protocol.js';

const program = fileURLToPath(new URL('./launcher-main.js', import.meta.url));

/** No threads for compiling and collecting: `execve` would have to end them first. */
const nodeOptions = ['--v8-pool-size=0', '--single-threaded-gc'];

/** A launcher that failed, in a sentence that says what to do. */
export class LauncherError extends Error {
  override readonly name = 'LauncherError';
}

/** The process that will be the first program of the next generation. */
export class Launcher {
  readonly pid: number;
  /** Readable when the process has ended. */
  readonly pidfd: number;
  /** Readable when the launcher has something to say. */
  readonly socket: number;
  #listener: Listener | undefined;
  #command: LauncherCommand | undefined;

  /** Starts the process. It is ready, about 100 ms later, when `socket` is readable. */
  constructor(options: LauncherOptions) {
    const [ours, theirs] = socketPair();
    this.socket = ours;
    try {
      const argv = [process.execPath, ...nodeOptions, program, JSON.stringify(options)];
      // Node options of the user's are for the user's programs.
      const env = ['PATH=/usr/bin:/bin'];
      // The standard ones are named because Node made them close-on-exec when it started.
      const descriptors = new Map([...[0, 1, 2].map((fd) => [fd, fd] as const), [theirs, LAUNCHER_SOCKET]]);
      this.pid = spawn(process.execPath, argv, env, descriptors);
    } finally {
      close(theirs);
    }
    this.pidfd = openProcess(this.pid);
  }

  /** Set once the launcher is ready. */
  get listener(): Listener | undefined {
    return this.#listener;
  }

  /**
   * Takes the listener, when `socket` has become readable.
   *
   * @throws LauncherError where no filter could be installed
   */
  becomeReady(): Listener {
    const message = this.#receive();
    if (message === undefined)
      throw new LauncherError('Cannot start a program: its launcher ended before it was ready');
    if (!('listener' in message)) throw new LauncherError(filterProblem(message.errno));
    const fd = takeDescriptor(this.pidfd, message.listener);
    if (fd < 0) {
      throw new LauncherError(
        `Cannot take the listener of a launcher: pidfd_getfd failed with ${errnoName(-fd)}. ` +
          'luo must be allowed to trace its own children: look at kernel.yama.ptrace_scope, which must be below 3',
      );
    }
    this.#listener = new Listener(fd);
    return this.#listener;
  }

  /** Tells the launcher to become a program. It has, or has failed to, when `socket` is readable. */
  execute(command: LauncherCommand): void {
    this.#command = command;
    send(this.socket, JSON.stringify(command));
  }

  /**
   * Takes the result of `execute`, when `socket` has become readable, and closes the socket.
   *
   * @throws LauncherError where the program's file could not be executed
   */
  becomeProgram(): void {
    const failure = this.#receive();
    close(this.socket);
    if (failure === undefined) return;
    const reason = 'errno' in failure ? errnoName(failure.errno) : 'an unknown reason';
    throw new LauncherError(`Cannot run "${this.#command?.argv[0]}" in ${this.#command?.cwd}: ${reason}`);
  }

  /** Ends a launcher that no generation will need. */
  dismiss(): void {
    close(this.socket);
    this.#listener?.close();
  }

  /** An end of file is undefined. */
  #receive(): LauncherReady | LauncherFailure | undefined {
    const text = receive(this.socket);
    // Only the launcher has the other end.
    return text === '' ? undefined : (JSON.parse(text) as LauncherReady | LauncherFailure);
  }
}

function filterProblem(errno: number): string {
  const name = errnoName(errno);
  switch (name) {
    case 'EBUSY':
      return (
        'Cannot watch the system calls of a program: another supervisor watches them already (EBUSY), and Linux allows ' +
        'one. luo cannot run inside luo, nor in a container whose manager intercepts system calls: run it outside of it'
      );
    case 'ENOSYS':
    case 'EINVAL':
      return (
        `Cannot watch the system calls of a program: this kernel has no seccomp user notification (${name}). It needs ` +
        'Linux 5.14 or later, built with CONFIG_SECCOMP_FILTER'
      );
    case 'EPERM':
    case 'EACCES':
      return (
        `Cannot watch the system calls of a program: seccomp(2) is not allowed here (${name}). In a container, allow ` +
        'it: docker run --security-opt seccomp=unconfined, or a profile that permits seccomp, pidfd_getfd and process_vm_readv'
      );
    default:
      return `Cannot watch the system calls of a program: seccomp(2) failed with ${name}`;
  }
}
