/** The commands of ttys that the tty core and the drivers answer. All others are the line discipline's. */
import {
  decodeSerialRs485,
  decodeSerialStruct,
  encodeSerialCounters,
  encodeSerialRs485,
  encodeSerialStruct,
  SERIAL_RS485_SIZE,
  SERIAL_STRUCT_SIZE,
  type SerialRs485,
  type SerialStruct,
} from '../../uapi/serial.js';
import {
  CLOCAL,
  decodeTermio,
  decodeTermios,
  encodeTermio,
  encodeTermios,
  TERMIO_SIZE,
  TERMIOS_SIZE,
  TERMIOS2_SIZE,
  type Termios,
  TIOCM_CAR,
  TIOCM_CTS,
  TIOCM_DSR,
  TIOCM_DTR,
  TIOCM_LOOP,
  TIOCM_OUT1,
  TIOCM_OUT2,
  TIOCM_RNG,
  TIOCM_RTS,
  ttyCommands,
} from '../../uapi/tty.js';
import { KernelError } from '../error.js';
import type { UserAddress, UserMemory } from '../hardware.js';
import { noTransceiver } from './driver.js';
import { ignoresCarrier, withControlFlags } from './termios.js';
import type { Tty } from './tty.js';

/** A command that a program has sent to a tty. */
export interface TtyCall {
  readonly command: number;
  readonly argument: UserAddress;
  readonly memory: UserMemory;
  /** Whether the program has CAP_SYS_ADMIN. */
  readonly privileged: boolean;
}

/** A call that goes on: undefined for as long as it waits, and then what it returns. */
export type Waiting = () => number | undefined;

/** What a command returns, a call that waits, or undefined where the line discipline answers it. */
export type TtyAnswer = number | Waiting | undefined;

/** Every command that may have to do with a port. The line discipline answers all others of its type. */
export const ttyIoctlNumbers: ReadonlySet<number> = new Set<number>(
  Object.entries(ttyCommands)
    .filter(([name]) => name !== 'TCXONC' && name !== 'TCFLSH')
    .map(([, number]) => number),
);

const SETTABLE = TIOCM_DTR | TIOCM_RTS | TIOCM_OUT1 | TIOCM_OUT2 | TIOCM_LOOP;
/** The flags of `struct serial_struct` that anybody may set: ASYNC_SPD_MASK and ASYNC_LOW_LATENCY. */
const FLAGS_OF_ANYBODY = 0x1030 | 0x2000;

const c = ttyCommands;

/** @throws KernelError EFAULT for memory that is not there, EPERM, EINVAL, ENOTTY: nothing has changed then */
export function ttyIoctl(tty: Tty, call: TtyCall): TtyAnswer {
  return modemCommand(tty, call) ?? termiosCommand(tty, call) ?? portCommand(tty, call);
}

function modemCommand(tty: Tty, { command, argument, memory }: TtyCall): TtyAnswer {
  const given = () => readInt(memory, argument);
  switch (command) {
    case c.TIOCMGET:
      return writeInt(memory, argument, tty.modemLines);
    case c.TIOCMBIS:
      return changeOutputs(tty, given(), 0);
    case c.TIOCMBIC:
      return changeOutputs(tty, 0, given());
    case c.TIOCMSET: {
      const wanted = given();
      return changeOutputs(tty, wanted, ~wanted);
    }
    case c.TIOCMIWAIT:
      return awaitChange(tty, Number(argument & 0xffffffffn));
    case c.TIOCGICOUNT:
      memory.write(argument, encodeSerialCounters(tty.counters));
      return 0;
    case c.TIOCSBRK:
      tty.setBreak(true);
      return 0;
    case c.TIOCCBRK:
      tty.setBreak(false);
      return 0;
    default:
      return undefined;
  }
}

function changeOutputs(tty: Tty, set: number, clear: number): number {
  tty.changeOutputs(set & SETTABLE, clear & SETTABLE);
  return 0;
}

function awaitChange(tty: Tty, lines: number): Waiting {
  const count = () => {
    const { cts, dsr, ring, carrier } = tty.counters;
    const of = (line: number, number: number) => ((lines & line) === 0 ? 0 : number);
    return of(TIOCM_CTS, cts) + of(TIOCM_DSR, dsr) + of(TIOCM_RNG, ring) + of(TIOCM_CAR, carrier);
  };
  tty.awaitInputs();
  const before = count();
  return () => {
    if (!tty.isOpen) throw new KernelError('EIO', `Cannot wait for a line of ${tty.name}: it was hung up`);
    return count() === before ? undefined : 0;
  };
}

function termiosCommand(tty: Tty, { command, argument, memory }: TtyCall): TtyAnswer {
  switch (command) {
    case c.TCGETS:
      memory.write(argument, encodeTermios(tty.termios).subarray(0, TERMIOS_SIZE));
      return 0;
    case c.TCGETS2:
      memory.write(argument, encodeTermios(tty.termios));
      return 0;
    case c.TCGETA:
      memory.write(argument, encodeTermio(tty.termios));
      return 0;
    case c.TCSETS:
    case c.TCSETSW:
    case c.TCSETSF:
      tty.setTermios(withoutSpeeds(memory.read(argument, TERMIOS_SIZE), tty));
      return 0;
    case c.TCSETS2:
    case c.TCSETSW2:
    case c.TCSETSF2:
      tty.setTermios(decodeTermios(memory.read(argument, TERMIOS2_SIZE)));
      return 0;
    case c.TCSETA:
    case c.TCSETAW:
    case c.TCSETAF:
      tty.setTermios(decodeTermio(memory.read(argument, TERMIO_SIZE), tty.termios));
      return 0;
    case c.TIOCGSOFTCAR:
      return writeInt(memory, argument, ignoresCarrier(tty.termios) ? 1 : 0);
    case c.TIOCSSOFTCAR:
      tty.setTermios(withControlFlags(tty.termios, CLOCAL, readInt(memory, argument) === 0 ? 0 : CLOCAL));
      return 0;
    default:
      return undefined;
  }
}

function portCommand(tty: Tty, call: TtyCall): TtyAnswer {
  const { command, argument, memory } = call;
  switch (command) {
    case c.TIOCEXCL:
      tty.setExclusive(true);
      return 0;
    case c.TIOCNXCL:
      tty.setExclusive(false);
      return 0;
    case c.TIOCGEXCL:
      return writeInt(memory, argument, tty.isExclusive ? 1 : 0);
    case c.TIOCGSERIAL:
      memory.write(argument, encodeSerialStruct(tty.serial));
      return 0;
    case c.TIOCSSERIAL:
      return setSerial(tty, call);
    case c.TIOCGRS485:
      memory.write(argument, encodeSerialRs485(rs485Of(tty)));
      return 0;
    case c.TIOCSRS485:
      tty.setRs485(decodeSerialRs485(memory.read(argument, SERIAL_RS485_SIZE)));
      memory.write(argument, encodeSerialRs485(rs485Of(tty)));
      return 0;
    default:
      return undefined;
  }
}

function rs485Of(tty: Tty): SerialRs485 {
  if (tty.rs485 !== undefined) return tty.rs485;
  throw noTransceiver(tty.name);
}

function setSerial(tty: Tty, { argument, memory, privileged }: TtyCall): number {
  const next = decodeSerialStruct(memory.read(argument, SERIAL_STRUCT_SIZE));
  const now = tty.serial;
  const { taken, fixed } = tty.serialRules;
  const changes = (member: keyof SerialStruct) => next[member] !== now[member];
  const isPrivileged = (member: keyof SerialStruct) => {
    if (member === 'flags') return ((next.flags ^ now.flags) & ~FLAGS_OF_ANYBODY) !== 0;
    return member !== 'customDivisor' && changes(member);
  };
  if (!privileged && [...taken, ...fixed].some(isPrivileged)) {
    throw new KernelError('EPERM', `Cannot set up ${tty.name}: only the superuser may set more than speed flags`);
  }
  if (fixed.some(changes)) {
    throw new KernelError('EINVAL', `Cannot set up ${tty.name} as another UART: it is what it is`);
  }
  tty.setSettings(Object.fromEntries(taken.map((member) => [member, next[member]])));
  return 0;
}

/** `struct termios` has no speeds but those of its flags: where they say "any speed", it stays. */
function withoutSpeeds(bytes: Uint8Array, tty: Tty): Termios {
  const whole = encodeTermios(tty.termios);
  whole.set(bytes.subarray(0, TERMIOS_SIZE));
  return decodeTermios(whole);
}

function readInt(memory: UserMemory, address: UserAddress): number {
  const bytes = memory.read(address, 4);
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getInt32(0, true);
}

function writeInt(memory: UserMemory, address: UserAddress, value: number): number {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  memory.write(address, bytes);
  return 0;
}
