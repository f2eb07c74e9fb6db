/** What tests of serial ports share: programs on a machine with ports, and what was on the wires. */
import { equal } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { levelAfter, type Waveform } from '../devices/waveform.js';
import { decodeWaveform } from '../devices/waveform-json.js';
import { compile } from './compile.js';
import type { Luo, Result } from './luo.js';

/** The program that makes the calls which its arguments name. */
export const calls = (...words: readonly string[]) => [compile('test/programs/serial-calls.c'), ...words];

export interface Ran extends Result {
  /** By the names of the ports. */
  readonly waveforms: ReadonlyMap<string, Waveform>;
}

/** Runs a program on a machine with ports, to its end. */
export async function runOnPorts(
  luo: Luo,
  ports: readonly string[],
  argv: readonly string[],
  options: readonly string[] = [],
): Promise<Ran> {
  const file = join(luo.directory, 'waveform.json');
  const added = ports.map((port) => `--serial=${port}`);
  const result = await luo.run(['run', ...added, `--waveform=${file}`, ...options, '--', ...argv]);
  return { ...result, waveforms: readWaveforms(file) };
}

/** The same where the program must end well; what it said, line by line, and the wires of the only port. */
export async function onPort(
  luo: Luo,
  port: string,
  argv: readonly string[],
  options: readonly string[] = [],
): Promise<{ said: string[]; waveform: Waveform }> {
  const { code, stdout, stderr, waveforms } = await runOnPorts(luo, [port], argv, options);
  equal(code, 0, `${stdout}\n${stderr}`);
  const [waveform] = waveforms.values();
  if (waveform === undefined) throw new Error('there is no waveform');
  return { said: linesOf(stdout), waveform };
}

export function readWaveforms(file: string): Map<string, Waveform> {
  const all: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (!Array.isArray(all)) throw new Error(`${file} holds no list`);
  const waveforms = all.map((one: unknown) => decodeWaveform(JSON.stringify(one)));
  return new Map(waveforms.map((waveform) => [waveform.port, waveform]));
}

export function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** The levels that a signal had, one after the other. */
export function levels({ signals }: Waveform, name: string): number[] {
  const signal = signals.find((one) => one.name === name);
  if (signal === undefined) throw new Error(`there is no signal ${name}`);
  return [signal.initial, ...signal.edges.map((_, index) => levelAfter(signal.initial, index + 1))];
}

/** The times of a signal's edges, in microseconds. */
export function edges({ signals }: Waveform, name: string): readonly number[] {
  return signals.find((one) => one.name === name)?.edges ?? [];
}

/** How many notes match. */
export function noted({ notes }: Waveform, pattern: RegExp): number {
  return notes.filter(({ text }) => pattern.test(text)).length;
}

/** Bytes that the port has sent. */
export function sent({ bursts }: Waveform): number {
  return bursts.filter(({ line }) => line === 'TXD').reduce((sum, { bytes }) => sum + bytes, 0);
}
