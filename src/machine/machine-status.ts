import type { KernelOptions } from '../kernel/kernel.js';
import type { Command } from './command.js';
import type { MachineConfig } from './config.js';
import type { MachineStatus, UpgradeReport } from './control-protocol.js';
import type { Generation } from './generation.js';
import { preservedBy } from './session-status.js';
import { version } from './version.js';

/** What a machine is at the moment. */
interface Present {
  /** Undefined before there is one. */
  readonly generation: Generation | undefined;
  readonly processes: number;
  readonly command: Command;
  /** Undefined before the modules of the first kernel are loaded. */
  readonly options: KernelOptions | undefined;
  /** How this luo took the place of another one, where it did. */
  readonly upgrade: { readonly startedAt: number; readonly report: UpgradeReport | undefined };
}

/** @param detailed whether each session is wanted, too */
export function statusOf(config: MachineConfig, present: Present, detailed: boolean): MachineStatus {
  const { generation, processes, command, options, upgrade } = present;
  return {
    name: config.name,
    pid: process.pid,
    generation: generation?.number ?? 0,
    argv: command.argv,
    detached: config.detached,
    processes,
    abi: options?.profile ?? config.profile,
    modules: (options?.modules ?? []).map(({ name }) => name),
    ...preservedBy(generation?.kernel, detailed),
    startedAt: upgrade.startedAt,
    version: version(),
    ...(upgrade.report === undefined ? {} : { upgraded: upgrade.report }),
  };
}
