/** The commands that no Linux has. A machine has them only where they are asked for. */
import {
  decodeUnpreserveArguments,
  decodeWordArguments,
  encodeWordArguments,
  LUO_IOCTL_GET_STATE,
  LUO_SESSION_GET_STATE,
  LUO_SESSION_SET_EVENT,
  LUO_SESSION_UNPRESERVE_FD,
  LUO_UNPRESERVE_SIZE,
  LUO_WORD_SIZE,
  LuoEvent,
  LuoState,
} from '../../uapi/liveupdate-extensions.js';
import { KernelError } from '../error.js';
import type { LiveUpdate } from './core.js';
import type { Call, Command } from './ioctl.js';
import type { Session } from './session.js';
import { type LiveUpdateState, machineState, sessionState } from './state.js';

export const deviceExtensions: readonly Command<LiveUpdate>[] = [
  {
    command: LUO_IOCTL_GET_STATE,
    size: LUO_WORD_SIZE,
    minimum: LUO_WORD_SIZE,
    run: (liveUpdate, call) => respondState(call, machineState(liveUpdate)),
  },
];

export const sessionExtensions: readonly Command<Session>[] = [
  {
    command: LUO_SESSION_UNPRESERVE_FD,
    size: LUO_UNPRESERVE_SIZE,
    minimum: LUO_UNPRESERVE_SIZE,
    run: unpreserveFd,
  },
  {
    command: LUO_SESSION_GET_STATE,
    size: LUO_WORD_SIZE,
    minimum: LUO_WORD_SIZE,
    run: (session, call) => respondState(call, sessionState(session)),
  },
  { command: LUO_SESSION_SET_EVENT, size: LUO_WORD_SIZE, minimum: LUO_WORD_SIZE, run: setEvent },
];

function respondState(call: Call, state: LiveUpdateState): void {
  call.respond(encodeWordArguments({ ...decodeWordArguments(call.bytes), word: LuoState[state] }));
}

function unpreserveFd(session: Session, call: Call): void {
  const { reserved, token } = decodeUnpreserveArguments(call.bytes);
  if (reserved !== 0) {
    throw new KernelError('EINVAL', `Cannot let go of a file in session ${session.name}: the reserved bits are not 0`);
  }
  checkType(session, 'outgoing', 'let go of a file');
  session.unpreserveFd(token);
}

/** FREEZE and CANCEL are for one session what a live update and its end are for all. PREPARE has happened already. */
function setEvent(session: Session, call: Call): void {
  const { word } = decodeWordArguments(call.bytes);
  switch (word) {
    case LuoEvent.prepare:
      checkType(session, 'outgoing', 'prepare it');
      break;
    case LuoEvent.freeze:
      checkType(session, 'outgoing', 'freeze it');
      session.outgoing.freeze();
      break;
    case LuoEvent.cancel:
      checkType(session, 'outgoing', 'unfreeze it');
      session.outgoing.unfreeze();
      break;
    case LuoEvent.finish:
      checkType(session, 'incoming', 'finish it');
      session.finish();
      break;
    default:
      throw new KernelError('EINVAL', `Cannot send event ${word} to session ${session.name}: there is no such event`);
  }
}

function checkType(session: Session, type: Session['type'], what: string): void {
  if (session.type === type) return;
  throw new KernelError('EINVAL', `Cannot ${what}: session ${session.name} is ${session.type}`);
}
