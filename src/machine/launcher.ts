import { fileURLToPath } from 'node:url';
import { close, socketPair } from '../host/descriptors.js';
import { processGroup, SystemError, spawn } from '../host/libc.js';
import { type Exit, openProcess, takeDescriptor, waitForChild } from '../host/processes.js';
import { Listener } from '../host/seccomp.js';
import { errno, errnoName } from '../uapi/errno.js';
import {
  LAUNCHER_SOCKET,
  type LauncherCommand,
  type LauncherFailure,
  type LauncherOptions,
  type LauncherReady,
  receiveText,
  sendText,
} from './launcher-protocol.js';
import { signalName } from './signals.js';

const program = fileURLToPath(new URL('./launcher-main.js', import.meta.url));

/** No threads for compiling and collecting: `execve` would have to end them first. */
const nodeOptions = ['--v8-pool-size=0', '--single-threaded-gc'];

/** A launcher that failed, in a sentence that says what to do. */
export class LauncherError extends Error {
  override readonly name = 'LauncherError';

  constructor(
    message: string,
    /** The signal that ended the launcher, where one did. */
    readonly signal?: number,
  ) {
    super(message);
  }
}

/** The process that will be the first program of the next generation. */
export class Launcher {
  readonly pid: number;
  /** Readable when the launcher has something to say. */
  readonly socket: number;
  /** How it ended, where it was reaped before its generation began. */
  exit: Exit | undefined;
  #listener: Listener | undefined;
  #command: LauncherCommand | undefined;

  /**
   * Starts the process. It is ready, about 100 ms later, when `socket` is readable.
   *
   * @throws LauncherError where there is no room for it
   */
  constructor(settings: Omit<LauncherOptions, 'processGroup'>) {
    const [ours, theirs] = enough(socketPair);
    this.socket = ours;
    const options: LauncherOptions = { ...settings, processGroup: processGroup() };
    try {
      const argv = [process.execPath, ...nodeOptions, program, JSON.stringify(options)];
      // Node options of the user's are for the user's programs.
      const env = ['PATH=/usr/bin:/bin'];
      // The standard ones are named because Node made them close-on-exec when it started.
      const descriptors = new Map([...[0, 1, 2].map((fd) => [fd, fd] as const), [theirs, LAUNCHER_SOCKET]]);
      this.pid = enough(() => spawn(process.execPath, argv, env, descriptors));
    } catch (error) {
      close(ours);
      throw error;
    } finally {
      close(theirs);
    }
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
    if (message === undefined) throw this.endedEarly();
    if (!('listener' in message)) throw new LauncherError(filterProblem(message.errno));
    const fd = takeFrom(this.pid, message.listener);
    // It may have been killed since.
    if (fd === -errno.ESRCH) throw this.endedEarly();
    if (fd < 0) {
      throw new LauncherError(
        `Cannot take the listener of a launcher: pidfd_getfd failed with ${errnoName(-fd)}. luo must be allowed to trace ` +
          'its own children, and have descriptors left: kernel.yama.ptrace_scope must be below 3, and ulimit -Hn high enough',
      );
    }
    this.#listener = new Listener(fd);
    return this.#listener;
  }

  /** Tells the launcher to become a program. It has, or has failed to, when `socket` is readable. */
  execute(command: LauncherCommand): void {
    this.#command = command;
    try {
      sendText(this.socket, JSON.stringify(command));
    } catch (error) {
      // It was killed at this very moment. It has ended as a program that is killed has.
      if (!(error instanceof SystemError)) throw error;
    }
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
    const reason = 'errno' in failure ? executionProblem(errnoName(failure.errno)) : 'an unknown reason';
    throw new LauncherError(`Cannot run "${this.#command?.argv[0]}" in ${this.#command?.cwd}: ${reason}`);
  }

  /** Ends a launcher that no generation will need. */
  dismiss(): void {
    close(this.socket);
    this.#listener?.close();
  }

  /** Why there will be no program, where it has ended before it was told to become one. */
  endedEarly(): LauncherError {
    const { signal } = this.awaitExit();
    const cause = signal === undefined ? 'its launcher ended' : `${signalName(signal)} ended its launcher`;
    return new LauncherError(`Cannot start a program: ${cause} before the program began`, signal);
  }

  /** How it ended, which it has or is about to. */
  awaitExit(): Partial<Exit> {
    return this.exit ?? exitOf(this.pid);
  }

  /** An end of file is undefined. */
  #receive(): LauncherReady | LauncherFailure | undefined {
    const text = receiveText(this.socket);
    // Only the launcher has the other end.
    return text === '' ? undefined : (JSON.parse(text) as LauncherReady | LauncherFailure);
  }
}

/** How a child ended, which it has or is about to. */
function exitOf(pid: number): Partial<Exit> {
  const exit = waitForChild(pid, true);
  return exit === undefined || exit === 'none' ? {} : exit;
}

/** A copy of a descriptor of a process, or the negative error number. */
function takeFrom(pid: number, fd: number): number {
  const pidfd = openProcess(pid);
  if (pidfd < 0) return pidfd;
  try {
    return takeDescriptor(pidfd, fd);
  } finally {
    close(pidfd);
  }
}

/** What the host refuses for want of room is no bug: another time there may be some. */
function enough<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw new LauncherError(
      `Cannot start a program: ${error.operation} failed with ${errnoName(error.errno)}. luo is out of descriptors ` +
        '(ulimit -Hn), processes (ulimit -u) or memory: free some, or raise the limit',
    );
  }
}

function executionProblem(name: string): string {
  switch (name) {
    case 'ENOEXEC':
      return 'it is no program that this computer can run (ENOEXEC)';
    case 'ENOENT':
      return 'its directory, or the loader that it needs, is not there (ENOENT)';
    case 'E2BIG':
      return 'its arguments and environment are too long (E2BIG)';
    case 'ETXTBSY':
      return 'its file is being written (ETXTBSY)';
    default:
      return name;
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
