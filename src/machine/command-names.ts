/** The commands of live update, by the names of their headers. */
import {
  LIVEUPDATE_IOCTL_CREATE_SESSION,
  LIVEUPDATE_IOCTL_RETRIEVE_SESSION,
  LIVEUPDATE_SESSION_FINISH,
  LIVEUPDATE_SESSION_GET_NAME,
  LIVEUPDATE_SESSION_PRESERVE_FD,
  LIVEUPDATE_SESSION_RETRIEVE_FD,
} from '../uapi/liveupdate.js';
import {
  LUO_IOCTL_GET_STATE,
  LUO_SESSION_GET_STATE,
  LUO_SESSION_SET_EVENT,
  LUO_SESSION_UNPRESERVE_FD,
} from '../uapi/liveupdate-extensions.js';

export interface CommandName {
  readonly name: string;
  /** What its structure has beside the size: the name of a session, a token, nothing that is told. */
  readonly shape: 'session' | 'preserve' | 'retrieve' | 'token' | 'plain' | 'unknown';
}

const unknown: CommandName = { name: 'ioctl', shape: 'unknown' };

const ofDevice: ReadonlyMap<number, CommandName> = new Map([
  [LIVEUPDATE_IOCTL_CREATE_SESSION, { name: 'CREATE_SESSION', shape: 'session' }],
  [LIVEUPDATE_IOCTL_RETRIEVE_SESSION, { name: 'RETRIEVE_SESSION', shape: 'session' }],
  [LUO_IOCTL_GET_STATE, { name: 'GET_STATE', shape: 'plain' }],
]);

const ofSession: ReadonlyMap<number, CommandName> = new Map([
  [LIVEUPDATE_SESSION_PRESERVE_FD, { name: 'PRESERVE_FD', shape: 'preserve' }],
  [LIVEUPDATE_SESSION_RETRIEVE_FD, { name: 'RETRIEVE_FD', shape: 'retrieve' }],
  [LIVEUPDATE_SESSION_FINISH, { name: 'FINISH', shape: 'plain' }],
  [LIVEUPDATE_SESSION_GET_NAME, { name: 'GET_NAME', shape: 'plain' }],
  [LUO_SESSION_UNPRESERVE_FD, { name: 'UNPRESERVE_FD', shape: 'token' }],
  [LUO_SESSION_GET_STATE, { name: 'GET_STATE', shape: 'plain' }],
  [LUO_SESSION_SET_EVENT, { name: 'SET_EVENT', shape: 'plain' }],
]);

export function commandName(command: number, onSession: boolean): CommandName {
  return (onSession ? ofSession : ofDevice).get(command) ?? unknown;
}
