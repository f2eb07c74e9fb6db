/** What real drivers were measured to do: test/serial/*.json. */
import { readFileSync } from 'node:fs';
import {
  TIOCM_CAR,
  TIOCM_CTS,
  TIOCM_DSR,
  TIOCM_DTR,
  TIOCM_LOOP,
  TIOCM_OUT1,
  TIOCM_OUT2,
  TIOCM_RNG,
  TIOCM_RTS,
} from '../../../uapi/tty.js';

export interface MeasuredStep {
  /** In words. */
  readonly call: string;
  readonly result?: number;
  readonly errno?: string;
  readonly value?: number;
  readonly edges?: string;
  /** TIOCMGET after the step. */
  readonly modem?: string;
  /** TCGETS2 after the step, where it changed: as `stty -g` has it, and the speeds. */
  readonly termios?: string;
  readonly serial?: string;
  readonly icount?: string;
  readonly transmitted?: number;
}

export interface MeasuredCase {
  readonly name: string;
  readonly steps: readonly MeasuredStep[];
}

export interface MeasuredDriver {
  readonly driver: string;
  readonly kernel: string;
  readonly cases: readonly MeasuredCase[];
}

export function readMeasured(name: string): MeasuredDriver {
  const path = new URL(`../../../../test/serial/${name}.json`, import.meta.url);
  // Written by test/serial/measure/trim.py.
  return JSON.parse(readFileSync(path, 'utf8')) as MeasuredDriver;
}

const lines: Readonly<Record<string, number>> = {
  LE: 0x001,
  DTR: TIOCM_DTR,
  RTS: TIOCM_RTS,
  ST: 0x008,
  SR: 0x010,
  CTS: TIOCM_CTS,
  CD: TIOCM_CAR,
  RI: TIOCM_RNG,
  DSR: TIOCM_DSR,
  OUT1: TIOCM_OUT1,
  OUT2: TIOCM_OUT2,
  LOOP: TIOCM_LOOP,
};

/** TIOCM_* bits, of names with `|` or `+` between them or of a number. */
export function modemBits(text: string): number {
  if (/^(0|0x[0-9a-f]+)$/.test(text)) return Number(text);
  return text.split(/[|+]/).reduce((bits, name) => bits | (lines[name] ?? 0), 0);
}

export function modemText(bits: number): string {
  return Object.entries(lines)
    .flatMap(([name, bit]) => ((bits & bit) === 0 ? [] : [name]))
    .join('+');
}
