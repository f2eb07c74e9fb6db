/**
 * Commands of luo that no Linux has, with numbers beyond the kernel's. They give what texts of the v5 series speak of
 * and its code lacks (patch 09): one file let go of, the state of a session, and events for one session.
 */
import { io } from './ioctl.js';
import { LIVEUPDATE_IOCTL_TYPE } from './liveupdate.js';

/** On `/dev/liveupdate`: { u32 size; u32 state; }, the state is written. */
export const LUO_IOCTL_GET_STATE = io(LIVEUPDATE_IOCTL_TYPE, 0x80);
/** On a session that was created: { u32 size; u32 reserved; u64 token; }. */
export const LUO_SESSION_UNPRESERVE_FD = io(LIVEUPDATE_IOCTL_TYPE, 0xc0);
/** On any session: { u32 size; u32 state; }, the state is written. */
export const LUO_SESSION_GET_STATE = io(LIVEUPDATE_IOCTL_TYPE, 0xc1);
/** On a session: { u32 size; u32 event; }. */
export const LUO_SESSION_SET_EVENT = io(LIVEUPDATE_IOCTL_TYPE, 0xc2);

/** The states of the series' texts, by number. */
export const LuoState = { normal: 1, prepared: 2, frozen: 3, updated: 4 } as const;
/** The events of the series' texts, by number. */
export const LuoEvent = { prepare: 0, freeze: 1, finish: 2, cancel: 3 } as const;

/** Bytes of { u32 size; u32 value; }. */
export const LUO_WORD_SIZE = 8;
/** Bytes of { u32 size; u32 reserved; u64 token; }. */
export const LUO_UNPRESERVE_SIZE = 16;

const WORD_OFFSET = 4;
const TOKEN_OFFSET = 8;

/** The argument of the commands with one number: a state or an event. */
export interface WordArguments {
  readonly size: number;
  readonly word: number;
}

/** The argument of UNPRESERVE_FD. */
export interface UnpreserveArguments {
  readonly size: number;
  readonly reserved: number;
  readonly token: bigint;
}

export function encodeWordArguments({ size, word }: WordArguments): Uint8Array {
  const bytes = new Uint8Array(LUO_WORD_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, size, true);
  view.setUint32(WORD_OFFSET, word, true);
  return bytes;
}

export function decodeWordArguments(bytes: Uint8Array): WordArguments {
  const view = viewOf(bytes);
  return { size: view.getUint32(0, true), word: view.getUint32(WORD_OFFSET, true) };
}

export function encodeUnpreserveArguments({ size, reserved, token }: UnpreserveArguments): Uint8Array {
  const bytes = new Uint8Array(LUO_UNPRESERVE_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, size, true);
  view.setUint32(WORD_OFFSET, reserved, true);
  view.setBigUint64(TOKEN_OFFSET, token, true);
  return bytes;
}

export function decodeUnpreserveArguments(bytes: Uint8Array): UnpreserveArguments {
  const view = viewOf(bytes);
  return {
    size: view.getUint32(0, true),
    reserved: view.getUint32(WORD_OFFSET, true),
    token: view.getBigUint64(TOKEN_OFFSET, true),
  };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
