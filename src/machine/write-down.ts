import type { Kernel, KernelOptions } from '../kernel/kernel.js';
import type { Change } from './change.js';
import type { Command } from './command.js';
import type { SuccessionParts } from './succession-parts.js';

/** A generation begins, and there is no way back: from here on this is what is held of the machine. */
export function writeDown(
  { kind }: Change,
  generation: number,
  next: { readonly command: Command; readonly options: KernelOptions; readonly modules: readonly string[] },
  kernel: Kernel,
  { chronicle: { ledger }, recovery }: Pick<SuccessionParts, 'chronicle' | 'recovery'>,
): void {
  if (ledger === undefined || kind === 'power-off') return;
  const { command, modules, options } = next;
  const running = { generation, command, profile: options.profile, modules };
  if (kind === 'rollback') {
    ledger.wentBack(
      running,
      kernel.state().incoming.map(({ name }) => Buffer.from(name).toString('hex')),
    );
    return;
  }
  // A restart keeps nothing, as a cold boot.
  ledger.began(kind === 'restart' ? 'boot' : kind, running, kind === 'boot' ? recovery?.records : []);
}
