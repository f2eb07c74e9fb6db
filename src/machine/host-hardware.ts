import { ftruncateSync } from 'node:fs';
import { createMemory } from '../host/descriptors.js';
import { map } from '../host/libc.js';
import type { Hardware } from '../kernel/hardware.js';
import type { Onlookers } from '../kernel/step.js';
import { HostFiles } from './host-files.js';
import { say } from './report.js';

/** Bytes of RAM. Only what a kernel uses of it takes memory of the host. */
const RAM_SIZE = 1 << 30;

/** The RAM of a machine: a memfd, so that it can pass to another process. */
export function createRam(): Uint8Array {
  const memory = createMemory('luo-ram', false);
  ftruncateSync(memory, RAM_SIZE);
  return map(RAM_SIZE, memory).bytes;
}

/** What a generation's kernel gets to see of the host. */
export function hostHardware(ram: Uint8Array, onlookers: Onlookers = {}): Hardware {
  return {
    ...onlookers,
    ram,
    files: new HostFiles(),
    log(level, message) {
      if (level !== 'info') say(`kernel: ${message}`);
    },
  };
}
