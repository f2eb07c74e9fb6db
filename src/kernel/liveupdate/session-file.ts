import {
  decodeFileArguments,
  decodeFinishArguments,
  decodeGetNameArguments,
  encodeFileArguments,
  encodeGetNameArguments,
  LIVEUPDATE_SESSION_FINISH,
  LIVEUPDATE_SESSION_GET_NAME,
  LIVEUPDATE_SESSION_PRESERVE_FD,
  LIVEUPDATE_SESSION_RETRIEVE_FD,
  LiveupdateSize,
} from '../../uapi/liveupdate.js';
import { KernelError } from '../error.js';
import { File, type OpenFiles, type Task } from '../fs/file.js';
import type { UserAddress } from '../hardware.js';
import type { LiveUpdate } from './core.js';
import type { SessionType } from './handler.js';
import { type Call, type Command, giveDescriptor, runCommand } from './ioctl.js';
import type { Rules } from './profile.js';
import type { Session } from './session.js';

/** What a session's descriptor stands for. The session ends with it. */
export class SessionFile extends File {
  readonly session: Session;
  readonly #liveUpdate: LiveUpdate;
  readonly #commands: readonly Command<Session>[];
  #detached = false;

  constructor(files: OpenFiles, liveUpdate: LiveUpdate, commands: readonly Command<Session>[], session: Session) {
    super(files);
    this.#liveUpdate = liveUpdate;
    this.#commands = commands;
    this.session = session;
  }

  override get description(): string {
    return `session ${this.session.name}`;
  }

  override ioctl(command: number, argument: UserAddress, task: Task): number {
    return runCommand(this.#commands, this.session, command, argument, task);
  }

  /** Puts the file so that the session can be retrieved again, as if it had not been. */
  takeBack(): void {
    this.#detached = true;
    this.session.retrieved = false;
    this.put();
  }

  protected override release(): void {
    if (!this.#detached) this.#liveUpdate.closeSession(this.session);
  }
}

/** The commands of a session, by profile (patch 09 of the v5 series; measured on Linux 7.3). */
export function sessionCommands(rules: Rules): readonly Command<Session>[] {
  return rules.hasGetName ? [...common(rules), getName] : common(rules);
}

function common(rules: Rules): Command<Session>[] {
  const only = (type: SessionType) => (session: Session) => {
    if (!rules.checksSessionType || session.type === type) return;
    throw new KernelError('EINVAL', `Cannot do that with the ${session.type} session ${session.name}`);
  };
  return [
    {
      command: LIVEUPDATE_SESSION_PRESERVE_FD,
      size: LiveupdateSize.file,
      minimum: LiveupdateSize.file,
      check: only('outgoing'),
      run: preserveFd,
    },
    {
      command: LIVEUPDATE_SESSION_RETRIEVE_FD,
      size: LiveupdateSize.file,
      minimum: LiveupdateSize.file,
      check: only('incoming'),
      run: retrieveFd,
    },
    {
      command: LIVEUPDATE_SESSION_FINISH,
      size: LiveupdateSize.finish,
      minimum: rules.finishMinimum,
      check: only('incoming'),
      run: rules.finishChecksReserved ? finishStrictly : finish,
    },
  ];
}

/** Where the structure cannot be given back, the file is preserved all the same (measured). */
function preserveFd(session: Session, call: Call): void {
  const { token, fd } = decodeFileArguments(call.bytes);
  session.preserveFd(token, fd, call.task.files);
  call.respond(call.bytes);
}

/** The session keeps the file, so that what did not reach the program can be asked for again. */
function retrieveFd(session: Session, call: Call): void {
  const args = decodeFileArguments(call.bytes);
  giveDescriptor(
    call,
    () => ({ file: session.retrieveFd(args.token) }),
    (fd) => encodeFileArguments({ ...args, fd }),
  );
}

function finishStrictly(session: Session, call: Call): void {
  const { reserved } = decodeFinishArguments(call.bytes);
  if (reserved !== 0) {
    throw new KernelError('EINVAL', `Cannot finish session ${session.name}: the reserved bits are not 0`);
  }
  finish(session, call);
}

/** Where the structure cannot be given back, the session is finished all the same (measured). */
function finish(session: Session, call: Call): void {
  session.finish();
  call.respond(call.bytes);
}

const getName: Command<Session> = {
  command: LIVEUPDATE_SESSION_GET_NAME,
  size: LiveupdateSize.getName,
  minimum: LiveupdateSize.getName,
  run(session, call) {
    const args = decodeGetNameArguments(call.bytes);
    if (args.reserved !== 0) {
      throw new KernelError('EINVAL', `Cannot tell the name of session ${session.name}: the reserved bits are not 0`);
    }
    // What the program has after the NUL stays (measured).
    args.name.set(session.name.bytes);
    args.name[session.name.bytes.length] = 0;
    call.respond(encodeGetNameArguments(args));
  },
};
