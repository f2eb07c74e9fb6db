import { ftruncateSync } from 'node:fs';
import { createMemory } from '../host/descriptors.js';
import { map } from '../host/libc.js';
import type { Hardware } from '../kernel/hardware.js';
import type { Onlookers } from '../kernel/step.js';
import type { MachineConfig } from './config.js';
import { HostFiles } from './host-files.js';
import { say } from './report.js';
import type { SerialPorts } from './serial/serial-ports.js';
import type { Watcher } from './watcher.js';

/** Bytes of RAM. Only what a kernel uses of it takes memory of the host. */
const RAM_SIZE = 1 << 30;

/** The RAM of a machine: a memfd, so that it can be copied and pass to another process. */
export function createRam(): Pick<MachineHardware, 'ram' | 'memory'> {
  const memory = createMemory('luo-ram', false);
  ftruncateSync(memory, RAM_SIZE);
  return { ram: map(RAM_SIZE, memory).bytes, memory };
}

/** What a machine has, whatever generation runs on it. */
export interface MachineHardware {
  readonly ram: Uint8Array;
  /** The descriptor of the memfd that is its RAM. */
  readonly memory: number;
  /** Undefined where it was given none. */
  readonly ports: SerialPorts | undefined;
}

/** Makes the serial ports of a machine. */
export type MakePorts = (watcher: Watcher) => SerialPorts;

/**
 * The part that makes serial ports, for a machine that has some: others need not load it, which takes longer than much
 * else of their start.
 */
export async function portsFor({ serial = [] }: Pick<MachineConfig, 'serial'>): Promise<MakePorts | undefined> {
  if (serial.length === 0) return undefined;
  const { createSerialPorts } = await import('./serial/create.js');
  return (watcher) => createSerialPorts(serial, watcher);
}

/** @throws SetupError for a port of the host that cannot be held, SerialPortError for one that cannot be read */
export function createHardware(watcher: Watcher, makePorts: MakePorts | undefined): MachineHardware {
  return { ...createRam(), ports: makePorts?.(watcher) };
}

/** What a generation's kernel gets to see of the machine and the host. */
export function hostHardware(
  { ram, ports }: Pick<MachineHardware, 'ram' | 'ports'>,
  onlookers: Onlookers = {},
): Hardware {
  return {
    ...onlookers,
    ram,
    serial: ports?.hardware,
    files: new HostFiles(),
    log(level, message) {
      if (level !== 'info') say(`kernel: ${message}`);
    },
  };
}
