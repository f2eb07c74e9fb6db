/** Kernel modules of people: files whose code runs in the process of the machine, as part of its kernels. */
import { type BigIntStats, statSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { KernelError } from '../kernel/error.js';
import type { KernelModule, ModuleKernel } from '../kernel/module.js';
import { describeThrown, say } from './report.js';

/** A file that gives no kernel module. */
export class ModuleError extends Error {
  override readonly name = 'ModuleError';
}

/**
 * Loads files whose default export is a kernel module, one after the other. A file that has changed since it was last
 * loaded is loaded anew, though not what it imports.
 *
 * @param files absolute paths
 * @throws ModuleError for the first that gives none
 */
export async function loadModules(files: readonly string[]): Promise<KernelModule[]> {
  if (files.length > 0) outliveModules();
  const modules: KernelModule[] = [];
  for (const file of files) modules.push(guarded(await importModule(file), file));
  return modules;
}

/** What modules leave to Node's event loop runs in this process, too. It is theirs, and no reason to end the programs. */
function outliveModules(): void {
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    if (process.listenerCount(event) > 0) continue;
    process.on(event, (error: unknown) =>
      say(`nobody caught an exception; a kernel module may have left it behind: ${describeThrown(error)}`),
    );
  }
}

async function importModule(file: string): Promise<KernelModule> {
  const url = pathToFileURL(file);
  // Node loads an address once. The code of another version needs another one.
  url.search = String(statusOf(file).mtimeNs);
  let namespace: unknown;
  try {
    namespace = await import(url.href);
  } catch (error) {
    const remedy = error instanceof SyntaxError ? `. To see where: node --check ${file}` : '';
    throw new ModuleError(`Cannot load module ${file}: ${describeThrown(error)}${remedy}`);
  }
  // An import gives an object. What it holds is the author's.
  const { default: module } = namespace as { default?: unknown };
  const problem = whyNoModule(module);
  if (problem === undefined) return module as KernelModule;
  throw new ModuleError(
    `Cannot load module ${file}: ${problem}. It must export a kernel module: export default { name: 'NAME', init(kernel) { … } }`,
  );
}

function statusOf(file: string): BigIntStats {
  let reason = 'there is no such file';
  try {
    const status = statSync(file, { bigint: true, throwIfNoEntry: false });
    if (status?.isFile()) return status;
    if (status !== undefined) reason = 'it is no file';
  } catch (error) {
    // Errors of Node's file functions carry the error's name.
    reason = `it cannot be looked at (${(error as NodeJS.ErrnoException).code})`;
  }
  throw new ModuleError(`Cannot load module ${file}: ${reason}. Give the path of an ES module`);
}

/** Undefined for a kernel module. */
function whyNoModule(value: unknown): string | undefined {
  if (value === undefined) return 'it has no default export';
  if (typeof value !== 'object' || value === null) return 'its default export is no object';
  const { name, init, exit } = value as Partial<Record<keyof KernelModule, unknown>>;
  if (typeof name !== 'string' || name === '') return 'its default export has no name';
  if (typeof init !== 'function') return 'its default export has no init';
  return exit === undefined || typeof exit === 'function' ? undefined : 'exit of its default export is no function';
}

/** The module, with errors that name it. One that is no KernelError is a refusal, too: no kernel boots with it. */
function guarded(module: KernelModule, file: string): KernelModule {
  return {
    name: module.name,
    init(kernel: ModuleKernel) {
      try {
        refusePromise(module.init(kernel), 'init');
      } catch (error) {
        const known = error instanceof KernelError;
        const reason = known ? error.message : describeThrown(error);
        throw new KernelError(
          known ? error.code : 'EIO',
          `init of module "${module.name}" (${file}) failed: ${reason}`,
        );
      }
    },
    exit() {
      try {
        refusePromise(module.exit?.(), 'exit');
      } catch (error) {
        say(`kernel: exit of module "${module.name}" (${file}) failed: ${describeThrown(error)}`);
      }
    },
  };
}

/**
 * A kernel waits for nobody. What the promise comes to must not end the machine, as a rejection that nobody takes does.
 *
 * @throws KernelError EINVAL for a promise
 */
function refusePromise(result: unknown, callback: string): void {
  if (!(result instanceof Promise)) return;
  result.catch(() => undefined);
  throw new KernelError('EINVAL', `${callback} returned a promise, and the kernel does not wait: it must not be async`);
}
