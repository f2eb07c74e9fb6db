/**
 * A tty as it passes to the next kernel: luo's own format `tty-v1`. 192 bytes, little-endian:
 *
 *     u32 1 where the record is used; u32 1 where the kernel has the driver, 0 where the host has it
 *     u64 the entry of its open file in the descriptor table of the handover
 *     u8[32] the name, with zeros behind it
 *     struct termios2, as in asm-generic/termbits.h
 *     u32 outputs; u32 inputs, as TIOCM_* bits; u32 1 where it is exclusive
 *     u32 flags; u32 custom divisor; u32 close delay; u32 closing wait; u32 transmit FIFO size; u32 baud base, as in
 *       struct serial_struct
 *     u32 flags; u32 delay before; u32 delay after, as in struct serial_rs485
 *     u32 changes of CTS, of DSR, of the ring indicator, of carrier; u32 bytes received, bytes sent
 */
import {
  decodeTermios,
  encodeTermios,
  TERMIOS2_SIZE,
  TIOCM_CAR,
  TIOCM_CTS,
  TIOCM_DSR,
  TIOCM_DTR,
  TIOCM_LOOP,
  TIOCM_OUT1,
  TIOCM_OUT2,
  TIOCM_RNG,
  TIOCM_RTS,
} from '../../uapi/tty.js';
import { KernelError } from '../error.js';
import type { TtyState } from './tty.js';

export const RECORD_SIZE = 192;
const USED = 0;
const HAS_STATE = 4;
const ENTRY = 8;
const NAME = 16;
const NAME_SIZE = 32;
const TERMIOS = 48;
const NUMBERS = TERMIOS + TERMIOS2_SIZE;
const OUTPUTS = TIOCM_DTR | TIOCM_RTS | TIOCM_OUT1 | TIOCM_OUT2 | TIOCM_LOOP;
const INPUTS = TIOCM_CTS | TIOCM_DSR | TIOCM_CAR | TIOCM_RNG;

export interface TtyRecord {
  readonly name: string;
  readonly entry: bigint;
  /** Undefined for a port whose driver is the host's. */
  readonly state: TtyState | undefined;
}

/** @throws KernelError ENAMETOOLONG, and nothing is written */
export function writeRecord(bytes: Uint8Array, { name, entry, state }: TtyRecord): void {
  const encodedName = new TextEncoder().encode(name);
  if (encodedName.length >= NAME_SIZE) {
    throw new KernelError('ENAMETOOLONG', `Cannot preserve ${name}: its name is longer than ${NAME_SIZE - 1} bytes`);
  }
  bytes.fill(0);
  const view = viewOf(bytes);
  view.setUint32(USED, 1, true);
  view.setUint32(HAS_STATE, state === undefined ? 0 : 1, true);
  view.setBigUint64(ENTRY, entry, true);
  bytes.set(encodedName, NAME);
  if (state === undefined) return;
  bytes.set(encodeTermios(state.termios), TERMIOS);
  for (const [index, number] of numbersOf(state).entries()) view.setUint32(NUMBERS + index * 4, number >>> 0, true);
}

/** Undefined where the record is not used. @throws KernelError EINVAL where it does not hold together */
export function readRecord(bytes: Uint8Array): TtyRecord | undefined {
  const view = viewOf(bytes);
  if (!flagAt(view, USED, 'the mark of use')) return undefined;
  const name = new TextDecoder().decode(bytes.subarray(NAME, NAME + NAME_SIZE)).replace(/\0.*$/s, '');
  if (!/^tty[A-Za-z]+\d+$/.test(name)) throw corrupt(`"${name}" is no name of one`);
  const entry = readEntry(bytes);
  if (!flagAt(view, HAS_STATE, 'the mark of a driver')) return { name, entry, state: undefined };
  const termios = decodeTermios(bytes.subarray(TERMIOS, TERMIOS + TERMIOS2_SIZE));
  const at = (index: number) => view.getUint32(NUMBERS + index * 4, true);
  // Members of struct serial_struct have a sign.
  const signedAt = (index: number) => view.getInt32(NUMBERS + index * 4, true);
  const [outputs, inputs] = [at(0), at(1)];
  if ((outputs & ~OUTPUTS) !== 0) throw corrupt(`${name} has outputs 0x${outputs.toString(16)}`);
  if ((inputs & ~INPUTS) !== 0) throw corrupt(`${name} has inputs 0x${inputs.toString(16)}`);
  return {
    name,
    entry,
    state: {
      termios,
      outputs,
      inputs,
      exclusive: flagAt(view, NUMBERS + 8, 'exclusive use'),
      settings: {
        ...{ flags: signedAt(3), customDivisor: signedAt(4), closeDelay: at(5), closingWait: at(6) },
        ...{ transmitFifoSize: signedAt(7), baudBase: signedAt(8) },
      },
      rs485: { flags: at(9), delayBeforeSend: at(10), delayAfterSend: at(11) },
      counters: { cts: at(12), dsr: at(13), ring: at(14), carrier: at(15), received: at(16), sent: at(17) },
    },
  };
}

function flagAt(view: DataView, offset: number, what: string): boolean {
  const value = view.getUint32(offset, true);
  if (value > 1) throw corrupt(`${what} is ${value}`);
  return value === 1;
}

function corrupt(reason: string): KernelError {
  return new KernelError('EINVAL', `Cannot read a preserved tty: ${reason}`);
}

/** The entry of the open file, which is there even where the rest does not hold together. */
export function readEntry(bytes: Uint8Array): bigint {
  return viewOf(bytes).getBigUint64(ENTRY, true);
}

function numbersOf({ outputs, inputs, exclusive, settings, rs485, counters }: TtyState): number[] {
  const { flags, customDivisor, closeDelay, closingWait, transmitFifoSize, baudBase } = settings;
  const { cts, dsr, ring, carrier, received, sent } = counters;
  return [
    ...[outputs, inputs, exclusive ? 1 : 0],
    ...[flags, customDivisor, closeDelay, closingWait, transmitFifoSize, baudBase],
    ...[rs485.flags, rs485.delayBeforeSend, rs485.delayAfterSend],
    ...[cts, dsr, ring, carrier, received, sent],
  ];
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
