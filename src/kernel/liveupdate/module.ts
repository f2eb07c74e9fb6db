import { KernelError } from '../error.js';

/** Whether a module is being loaded, works, or is being unloaded (`enum module_state` of Linux). */
type ModuleState = 'coming' | 'live' | 'going';

/** A loaded module: what it has registered holds a reference, and a module that is held stays (`struct module`). */
export class Module {
  #state: ModuleState = 'coming';
  #references = 0;

  constructor(readonly name: string) {}

  get references(): number {
    return this.#references;
  }

  /** @throws KernelError EAGAIN where the module is being unloaded (`try_module_get`, patch 08 of the v5 series) */
  get(what: string): void {
    if (this.#state === 'going') {
      throw new KernelError('EAGAIN', `Cannot ${what}: the module "${this.name}" is being unloaded`);
    }
    this.#references += 1;
  }

  put(): void {
    if (this.#references === 0) throw new Error(`Cannot put the module "${this.name}": nobody holds it`);
    this.#references -= 1;
  }

  loaded(): void {
    this.#state = 'live';
  }

  unloading(): void {
    this.#state = 'going';
  }
}
