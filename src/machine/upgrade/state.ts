/**
 * A machine as one version of luo leaves it to another: a JSON text in a memfd, beside descriptors that keep their
 * numbers.
 */
import { fstatSync, readSync } from 'node:fs';
import { close, createMemory, writeBytes } from '../../host/descriptors.js';
import { SystemError } from '../../host/libc.js';
import type { MachineConfig } from '../config.js';
import type { SavedPrograms } from '../programs.js';
import type { SavedCounts } from '../recorder.js';
import type { SavedRemains } from '../remains.js';
import type { LoadedImage } from '../traps/trap.js';
import type { SavedLedger } from '../vault/machine-ledger.js';
import type { KernelJson, SessionName } from './kernel-json.js';

/**
 * What this luo writes and reads. A change after which the two do not understand each other needs another number; what
 * passes between a machine and its keeper counts, too, as the keeper is not replaced.
 */
export const STATE_FORMAT = 1;

/** Our end of a channel that programs have the other end of. */
export interface ChannelJson {
  readonly end: number;
  readonly inode: number;
  readonly openFlags: number;
  /** Undefined for the device. */
  readonly session?: SessionName;
}

export interface MachineState {
  readonly format: number;
  /** Of the luo that wrote it. */
  readonly version: string;
  /** With what the machine runs now, and what its kernel was started with. */
  readonly config: MachineConfig;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** When programs began to wait: nanoseconds of the clock that never goes back, decimal. */
  readonly leftAt: string;
  readonly processGroup: number;
  readonly generation: {
    readonly number: number;
    readonly listener: number;
    readonly kernel: KernelJson;
    readonly channels: readonly ChannelJson[];
    /** The inodes of memory that programs have retrieved. */
    readonly retrieved: readonly string[];
    readonly remains: SavedRemains;
  };
  readonly programs: SavedPrograms;
  /** What is loaded for a kexec. */
  readonly image?: LoadedImage;
  readonly crashImage?: LoadedImage;
  /** The modes that the terminal had before there were programs, two hexadecimal digits a byte. */
  readonly terminal?: string;
  /** How often each fault has been matched. */
  readonly faults: readonly number[];
  readonly counts: SavedCounts;
  /** The socket that commands connect to. */
  readonly control: number;
  readonly ledger?: SavedLedger;
  /** Whether programs want to know before a live update replaces them: they connect again. */
  readonly announces: boolean;
  readonly upgrades: number;
}

/**
 * @returns a descriptor, the caller's to close
 * @throws SystemError where the host has no room for it
 */
export function writeState(state: MachineState): number {
  const descriptor = createMemory('luo-upgrade', false);
  const bytes = Buffer.from(JSON.stringify(state));
  for (let done = 0; done < bytes.length; ) {
    const count = writeBytes(descriptor, bytes.subarray(done), BigInt(done));
    if (count <= 0) {
      close(descriptor);
      throw new SystemError('write of the state', -count);
    }
    done += count;
  }
  return descriptor;
}

/** @throws Error for a format that this luo does not know */
export function readState(descriptor: number): MachineState {
  const bytes = Buffer.alloc(fstatSync(descriptor).size);
  for (let done = 0; done < bytes.length; ) {
    const count = readSync(descriptor, bytes, done, bytes.length - done, done);
    if (count === 0) break;
    done += count;
  }
  // A machine wrote it. Whether it is one that this luo understands is seen next.
  const state = JSON.parse(bytes.toString('utf8')) as MachineState;
  if (state.format === STATE_FORMAT) return state;
  throw new Error(
    `this luo reads format ${STATE_FORMAT} of a machine's state, and luo ${state.version} has written format ${state.format}`,
  );
}
