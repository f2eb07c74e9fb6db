import { KernelError } from './error.js';
import { passedFilesModule } from './fs/passed-files.js';
import { passedKinds } from './fs/passed-kinds.js';
import type { Handover, Hardware } from './hardware.js';
import { KernelOfModule } from './kernel-of-module.js';
import { Module } from './liveupdate/module.js';
import { hugetlbModule } from './mm/hugetlb.js';
import type { KernelModule } from './module.js';
import { assemble, type KernelOptions, type Parts } from './parts.js';
import { ttysModule } from './tty/ttys-module.js';

/** The modules of one kernel. */
export class Modules {
  readonly #parts: Parts;
  readonly #loaded = new Map<string, { readonly module: Module; readonly code: KernelModule }>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Loads a module.
   *
   * @throws KernelError EEXIST where one of that name is loaded, and what its `init` says: what it registered is gone
   * then
   */
  load(code: KernelModule): void {
    if (this.#loaded.has(code.name)) {
      throw new KernelError('EEXIST', `Cannot load the module "${code.name}": one of that name is loaded`);
    }
    const module = new Module(code.name);
    try {
      code.init(new KernelOfModule(this.#parts, module));
    } catch (error) {
      module.unloading();
      this.#unregisterAll(module);
      throw error;
    }
    module.loaded();
    this.#loaded.set(code.name, { module, code });
  }

  /**
   * Unloads a module.
   *
   * @throws KernelError ENOENT where none of that name is loaded, EBUSY while something that it registered is there
   */
  unload(name: string): void {
    const loaded = this.#loaded.get(name);
    if (loaded === undefined) throw new KernelError('ENOENT', `Cannot unload the module "${name}": it is not loaded`);
    const { references } = loaded.module;
    if (references > 0) {
      throw new KernelError(
        'EBUSY',
        `Cannot unload the module "${name}": ${references} file handlers of it are registered; unregister them first`,
      );
    }
    this.#exit(name);
  }

  /**
   * The kernel ends, whatever is registered.
   *
   * @throws what the `exit` of a module threw, the first of them, after all of them have run
   */
  end(): void {
    const failures: unknown[] = [];
    for (const name of [...this.#loaded.keys()].reverse()) {
      try {
        this.#exit(name);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  #exit(name: string): void {
    const loaded = this.#loaded.get(name);
    this.#loaded.delete(name);
    loaded?.module.unloading();
    loaded?.code.exit?.();
  }

  #unregisterAll(module: Module): void {
    const { handlers, liveUpdate } = this.#parts;
    for (const { handler, owner } of [...handlers.all]) {
      if (owner === module) liveUpdate.flbs.forget(handlers.unregister(handler));
    }
  }
}

/**
 * A kernel with all its modules.
 *
 * @param number how many live updates count as having come before, where nothing is handed over
 * @throws KernelError EINVAL where the handover is corrupt, ENOMEM, and what a module says; those before it have ended
 * then
 */
export function assembleWithModules(
  hardware: Hardware,
  options: KernelOptions,
  handover?: Handover,
  number?: bigint,
): { parts: Parts; modules: Modules } {
  const parts = assemble(hardware, options, handover, number);
  const modules = new Modules(parts);
  try {
    for (const module of [...ownModules(parts, options), ...(options.modules ?? [])]) modules.load(module);
  } catch (error) {
    try {
      modules.end();
    } catch (exitError) {
      hardware.log('error', `The exit of a module failed: ${exitError}`);
    }
    throw error;
  }
  return { parts, modules };
}

/** What the kernel itself has as modules, where it is asked for. */
function ownModules({ mm, ttys, hardware }: Parts, { preserve = [] }: KernelOptions): KernelModule[] {
  const passed = passedKinds.filter((kind) => preserve.includes(kind));
  return [
    ...(preserve.includes('hugetlb') ? [hugetlbModule(mm)] : []),
    ...(preserve.includes('ttys') ? [ttysModule(ttys, hardware.serial)] : []),
    ...(passed.length > 0 ? [passedFilesModule(passed)] : []),
  ];
}
