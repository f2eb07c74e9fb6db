import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { Socket } from 'node:net';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { logDirectory, makePrivateDirectory, SetupError } from '../machine/directories.js';
import { readLines } from '../machine/json-lines.js';
import { say } from '../machine/report.js';
import { ask, ended } from '../serial/ask.js';
import { claims, socketOf } from '../serial/claims.js';
import { deviceAt } from '../serial/device.js';
import type { LineSettings } from '../serial/hold.js';
import { Holder } from '../serial/holder.js';

export interface SerialHoldOptions {
  readonly detach?: boolean;
  /** Such as `dtr=off,rts=on`. */
  readonly lines?: string;
  readonly exclusive?: boolean;
  readonly share?: boolean;
  readonly leave: 'lines' | 'found';
}

/** What the process of a detached holder is told. */
export interface DetachedHolder {
  readonly path: string;
  readonly lines: LineSettings;
  readonly exclusive?: boolean | undefined;
  readonly leave: 'lines' | 'found';
}

/** What it tells the command that started it: all that there is to say about the start, then how it went. */
export type DetachedMessage = { readonly said: string } | { readonly holds: true } | { readonly failure: string };

/** The descriptor by which it does so. */
export const STARTER = 3;

const holderProgram = fileURLToPath(new URL('./serial-holder-main.js', import.meta.url));

/** `luo serial hold`. */
export async function serialHold(path: string, options: SerialHoldOptions): Promise<void> {
  const { exclusive, share, leave } = options;
  const config: DetachedHolder = {
    path: resolve(path),
    lines: parseLines(options.lines ?? ''),
    exclusive: share === true ? false : exclusive,
    leave,
  };
  if (options.detach === true) await detach(config);
  else await holdHere(new Holder({ ...config, say }));
}

/** Serves until a signal or `luo serial release` ends it. */
export async function holdHere(holder: Holder): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => holder.end());
  await holder.run();
}

async function detach(config: DetachedHolder): Promise<void> {
  const log = join(logDirectory(), `serial-${basename(config.path)}.log`);
  makePrivateDirectory(logDirectory(), 'Set XDG_STATE_HOME to a directory that you can write');
  // What another one has said must not be lost, where that holds the port already.
  const output = openSync(log, 'a', 0o600);
  const child = spawn(process.execPath, [holderProgram, JSON.stringify(config)], {
    detached: true,
    stdio: ['ignore', output, output, 'pipe'],
  });
  const socket = child.stdio[STARTER];
  if (!(socket instanceof Socket)) throw new Error('Cannot start the holder of a port: Node made no socket for it');
  const failure = await new Promise<string | undefined>((done, fail) => {
    child.on('error', fail);
    socket.on('error', () => {});
    socket.on('close', () => done(`Cannot hold ${config.path}: its process ended. Its last words are in ${log}`));
    readLines(socket, (message) => {
      // Only the holder has the other end.
      const told = message as DetachedMessage;
      if ('said' in told) say(told.said);
      else done('failure' in told ? told.failure : undefined);
    });
  });
  child.unref();
  socket.destroy();
  if (failure !== undefined) throw new SetupError(failure);
  say(`goes on in the background, and says more in ${log}. To end it: luo serial release ${config.path}`);
}

/** @throws SetupError for what says nothing about the lines */
export function parseLines(text: string): LineSettings {
  const words = text === '' ? [] : text.toLowerCase().split(',');
  const pairs = words.map((word) => {
    const [, line, state] = /^(dtr|rts)=(on|off)$/.exec(word.trim()) ?? [];
    if (line !== undefined) return [line, state === 'on'];
    throw new SetupError(
      `Cannot set the lines to "${text}": write dtr=on or dtr=off, rts=on or rts=off, or both with a comma`,
    );
  });
  return Object.fromEntries(pairs);
}

/** `luo serial release`. */
export async function serialRelease(path: string): Promise<void> {
  const reply = await ask(holderOf(resolve(path)), { request: 'release' });
  if (reply === undefined)
    throw new SetupError(`Cannot release ${path}: no luo of yours holds it. See luo serial list`);
  await ended(reply);
}

/** The one of the device, or one that waits for it to come back to the same path. */
function holderOf(path: string): string {
  const all = claims();
  for (const [name, record] of all) if (record.path === path) return socketOf(name);
  return socketOf(deviceAt(path, `release ${path}`).key);
}
