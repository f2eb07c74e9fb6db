import type { KernelOptions } from '../kernel/kernel.js';
import type { KernelConfig } from './config.js';
import type { NewKernel } from './control-protocol.js';
import { loadModules } from './kernel-modules.js';

/**
 * What the first kernel of a machine is started with.
 *
 * @throws ModuleError for a file that gives no kernel module
 */
export async function firstOptions(config: KernelConfig): Promise<KernelOptions> {
  const { profile, strict, extend = false, preserve = [], modules = [] } = config;
  return { profile, strict, extend, preserve, modules: await loadModules(modules) };
}

/**
 * What the next kernel is started with in place of what this one was started with.
 *
 * @throws ModuleError for a file that gives no kernel module
 */
export async function newOptions({ profile, modules }: NewKernel): Promise<Partial<KernelOptions>> {
  return {
    ...(profile === undefined ? {} : { profile }),
    ...(modules === undefined ? {} : { modules: await loadModules(modules) }),
  };
}
