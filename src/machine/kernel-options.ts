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
 * @param asked aborted when nobody waits for it any more. An import may never end.
 * @throws ModuleError for a file that gives no kernel module
 */
export async function newOptions(
  { profile, modules }: NewKernel,
  asked?: AbortSignal,
): Promise<Partial<KernelOptions>> {
  return {
    ...(profile === undefined ? {} : { profile }),
    ...(modules === undefined ? {} : { modules: await unlessAborted(loadModules(modules), asked) }),
  };
}

function unlessAborted<T>(work: Promise<T>, asked: AbortSignal | undefined): Promise<T> {
  const aborted = new Promise<never>((_, reject) => {
    const error = new Error('Cannot start a live update: who asked for it waits no more');
    asked?.addEventListener('abort', () => reject(error), { once: true });
  });
  return Promise.race([work, aborted]);
}
