/** Reads serial ports as people write them, and shows where one is wrong. */
import type { SerialDriverName } from '../kernel/tty/serial-hardware.js';
import { printable } from './printable.js';

/** The drivers of emulated ports. */
export const serialDrivers: readonly SerialDriverName[] = [
  '8250',
  'cdc-acm',
  'usb-serial',
  'power-gated',
  'wired-enable',
];

/** What can be at the end of the wires. */
export const boardNames = ['none', 'loopback', 'esp32', 'arduino', 'rs485-bus', 'modem'] as const;
export type BoardName = (typeof boardNames)[number];

/** A port that is emulated, with its board. */
export interface EmulatedPortSpec {
  readonly name: string;
  readonly driver: SerialDriverName;
  readonly board: BoardName;
}

/** A port of the host. */
export interface HostPortSpec {
  readonly name: string;
  readonly driver: 'host';
  /** Of its device, absolute. */
  readonly path: string;
}

export type SerialPortSpec = EmulatedPortSpec | HostPortSpec;

/** A port that cannot be read. The message ends with two lines: the text, and a mark under what is wrong. */
export class SerialPortError extends Error {
  override readonly name = 'SerialPortError';
}

/** A piece of the text, and where it stands. */
interface Piece {
  readonly text: string;
  readonly start: number;
}

const NAME = /^tty[A-Za-z]+[0-9]+$/;

/**
 * `ttyS0=8250,esp32`, `ttyACM0=cdc-acm` (nothing connected), or `ttyUSB0=/dev/ttyUSB3` for a port of the host.
 *
 * @throws SerialPortError with a sentence and a mark under the place
 */
export function parseSerialPort(text: string): SerialPortSpec {
  const equals = text.indexOf('=');
  const name = { text: equals < 0 ? text : text.slice(0, equals), start: 0 };
  if (!NAME.test(name.text)) throw wrong(text, name, nameReason(name.text));
  if (equals < 0) {
    const end = { text: '', start: text.length };
    throw wrong(
      text,
      end,
      `it does not say what ${name.text} is. Write ${name.text}=DRIVER,BOARD, or ${name.text}=/dev/PATH`,
    );
  }
  const value = { text: text.slice(equals + 1), start: equals + 1 };
  if (value.text.startsWith('/')) return { name: name.text, driver: 'host', path: pathIn(text, value) };
  const [driver, board, more] = split(value);
  if (more !== undefined) throw wrong(text, more, 'a driver and a board are all that a port has');
  return {
    name: name.text,
    driver: oneOf(text, 'driver', driver ?? value, serialDrivers),
    board: board === undefined ? 'none' : oneOf(text, 'board', board, boardNames),
  };
}

function nameReason(name: string): string {
  const example = 'Write one such as ttyS0, ttyUSB0 or ttyACM0';
  if (name === '') return `the name of the port is missing. ${example}`;
  if (name.startsWith('/dev/')) return `the name of the port stands without "/dev/". ${example}`;
  return `${quoted(name)} is no name of a serial port. ${example}`;
}

function pathIn(text: string, piece: Piece): string {
  const isDevice = /^\/dev\/[^/]/.test(piece.text) && !piece.text.includes('\0') && !piece.text.endsWith('/');
  if (!isDevice || /\/\.{1,2}(\/|$)/.test(piece.text)) {
    throw wrong(text, piece, `${quoted(piece.text)} is no device. Write its path below /dev, without "." and ".."`);
  }
  return piece.text;
}

/** At each comma. */
function split({ text, start }: Piece): Piece[] {
  let at = start;
  return text.split(',').map((word) => {
    const piece = { text: word, start: at };
    at += word.length + 1;
    return piece;
  });
}

/** The word, where it is one of those that are known. */
function oneOf<Word extends string>(text: string, what: string, piece: Piece, words: readonly Word[]): Word {
  const found = words.find((word) => word === piece.text);
  if (found !== undefined) return found;
  const sentence = piece.text === '' ? `a ${what} is missing` : `there is no ${what} ${quoted(piece.text)}`;
  throw wrong(text, piece, `${sentence}. There are ${words.join(', ')}`);
}

function wrong(text: string, { text: word, start }: Piece, reason: string): SerialPortError {
  const mark = `${' '.repeat(start)}^${'~'.repeat(Math.max(0, word.length - 1))}`;
  return new SerialPortError(`Cannot add a serial port: ${reason}\n\n    ${printable(text)}\n    ${mark}`);
}

function quoted(text: string): string {
  return `"${printable(text)}"`;
}
