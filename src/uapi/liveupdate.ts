/**
 * `linux/liveupdate.h`: what a program says to `/dev/liveupdate` and to a session. The numbers are those of patches
 * 07 and 09 of the v5 series; where Linux 7.3 differs, both are here.
 */
import { io } from './ioctl.js';

export const LIVEUPDATE_DEVICE = '/dev/liveupdate';
export const LIVEUPDATE_IOCTL_TYPE = 0xba;

/** The numbers of the commands of the device, from 0x00, and of a session, from 0x40. */
export const LiveupdateCommand = {
  createSession: 0x00,
  retrieveSession: 0x01,
  sessionPreserveFd: 0x40,
  sessionRetrieveFd: 0x41,
  sessionFinish: 0x42,
  /** Not in the v5 series. */
  sessionGetName: 0x43,
} as const;

export const LIVEUPDATE_IOCTL_CREATE_SESSION = io(LIVEUPDATE_IOCTL_TYPE, LiveupdateCommand.createSession);
export const LIVEUPDATE_IOCTL_RETRIEVE_SESSION = io(LIVEUPDATE_IOCTL_TYPE, LiveupdateCommand.retrieveSession);
export const LIVEUPDATE_SESSION_PRESERVE_FD = io(LIVEUPDATE_IOCTL_TYPE, LiveupdateCommand.sessionPreserveFd);
export const LIVEUPDATE_SESSION_RETRIEVE_FD = io(LIVEUPDATE_IOCTL_TYPE, LiveupdateCommand.sessionRetrieveFd);
export const LIVEUPDATE_SESSION_FINISH = io(LIVEUPDATE_IOCTL_TYPE, LiveupdateCommand.sessionFinish);
export const LIVEUPDATE_SESSION_GET_NAME = io(LIVEUPDATE_IOCTL_TYPE, LiveupdateCommand.sessionGetName);

/** Bytes of a session's name with its NUL, in the v5 series and in Linux 7.3. */
export const LIVEUPDATE_SESSION_NAME_LENGTH_V5 = 56;
export const LIVEUPDATE_SESSION_NAME_LENGTH = 64;

/** Bytes of each structure. `finishMinimumV5` ends with the two reserved bytes of the v5 series. */
export const LiveupdateSize = {
  createSessionV5: 64,
  createSession: 72,
  retrieveSession: 72,
  file: 16,
  finish: 8,
  finishMinimumV5: 6,
  getName: 72,
} as const;

const FD_OFFSET = 4;
const NAME_OFFSET = 8;
const TOKEN_OFFSET = 8;
const RESERVED_OFFSET = 4;

/**
 * The argument of CREATE_SESSION and RETRIEVE_SESSION: u32 size, s32 fd, u8 name[]. The length of `name` is what the
 * structure has room for, the NUL and what follows it included.
 */
export interface SessionArguments {
  readonly size: number;
  readonly fd: number;
  readonly name: Uint8Array;
}

/** The argument of PRESERVE_FD and RETRIEVE_FD: u32 size, s32 fd, u64 token. */
export interface FileArguments {
  readonly size: number;
  readonly fd: number;
  readonly token: bigint;
}

/** The argument of FINISH: u32 size, then 32 reserved bits (Linux 7.3) or 16 (v5). */
export interface FinishArguments {
  readonly size: number;
  readonly reserved: number;
}

/** The argument of GET_NAME: u32 size, u32 reserved, u8 name[64]. */
export interface GetNameArguments {
  readonly size: number;
  readonly reserved: number;
  readonly name: Uint8Array;
}

export function encodeSessionArguments({ size, fd, name }: SessionArguments): Uint8Array {
  const bytes = new Uint8Array(NAME_OFFSET + name.length);
  const view = viewOf(bytes);
  view.setUint32(0, size, true);
  view.setInt32(FD_OFFSET, fd, true);
  bytes.set(name, NAME_OFFSET);
  return bytes;
}

/** All bytes from the eighth on are the name. */
export function decodeSessionArguments(bytes: Uint8Array): SessionArguments {
  const view = viewOf(bytes);
  return {
    size: view.getUint32(0, true),
    fd: view.getInt32(FD_OFFSET, true),
    name: bytes.slice(NAME_OFFSET),
  };
}

export function encodeFileArguments({ size, fd, token }: FileArguments): Uint8Array {
  const bytes = new Uint8Array(LiveupdateSize.file);
  const view = viewOf(bytes);
  view.setUint32(0, size, true);
  view.setInt32(FD_OFFSET, fd, true);
  view.setBigUint64(TOKEN_OFFSET, token, true);
  return bytes;
}

export function decodeFileArguments(bytes: Uint8Array): FileArguments {
  const view = viewOf(bytes);
  return {
    size: view.getUint32(0, true),
    fd: view.getInt32(FD_OFFSET, true),
    token: view.getBigUint64(TOKEN_OFFSET, true),
  };
}

export function encodeFinishArguments({ size, reserved }: FinishArguments): Uint8Array {
  const bytes = new Uint8Array(LiveupdateSize.finish);
  const view = viewOf(bytes);
  view.setUint32(0, size, true);
  view.setUint32(RESERVED_OFFSET, reserved, true);
  return bytes;
}

export function decodeFinishArguments(bytes: Uint8Array): FinishArguments {
  const view = viewOf(bytes);
  return { size: view.getUint32(0, true), reserved: view.getUint32(RESERVED_OFFSET, true) };
}

export function encodeGetNameArguments({ size, reserved, name }: GetNameArguments): Uint8Array {
  const bytes = new Uint8Array(LiveupdateSize.getName);
  const view = viewOf(bytes);
  view.setUint32(0, size, true);
  view.setUint32(RESERVED_OFFSET, reserved, true);
  bytes.set(name, NAME_OFFSET);
  return bytes;
}

export function decodeGetNameArguments(bytes: Uint8Array): GetNameArguments {
  const view = viewOf(bytes);
  return {
    size: view.getUint32(0, true),
    reserved: view.getUint32(RESERVED_OFFSET, true),
    name: bytes.slice(NAME_OFFSET, NAME_OFFSET + LIVEUPDATE_SESSION_NAME_LENGTH),
  };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
