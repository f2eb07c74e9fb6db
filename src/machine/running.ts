import type { KernelOptions } from '../kernel/kernel.js';
import type { Change } from './change.js';
import type { Command } from './command.js';
import type { MachineConfig, MachineEvents } from './config.js';
import { firstOptions } from './kernel-options.js';

/** What a machine runs, from one generation to the next. */
export class Running {
  readonly #config: MachineConfig;
  readonly #events: Pick<MachineEvents, 'commandOf'>;
  #command: Command;
  #options: KernelOptions | undefined;
  #modules: readonly string[];

  constructor(config: MachineConfig, events: Pick<MachineEvents, 'commandOf'>) {
    this.#config = config;
    this.#events = events;
    this.#command = config.command;
    this.#modules = config.modules ?? [];
  }

  /** What the generation runs. */
  get command(): Command {
    return this.#command;
  }

  /** What its kernel was started with; undefined before the modules of the first one are loaded. */
  get options(): KernelOptions | undefined {
    return this.#options;
  }

  /** The files that its modules are from. */
  get modules(): readonly string[] {
    return this.#modules;
  }

  /** @throws ModuleError for a file that gives no kernel module */
  async load(): Promise<void> {
    this.#options = await firstOptions(this.#config);
  }

  /**
   * What runs after a change.
   *
   * @param generation that runs before it, 0 where none does
   */
  commandAfter({ kind, options }: Change, generation: number): Command {
    const next = kind === 'resume' ? generation : generation + 1;
    return options.command ?? this.#events.commandOf?.(next) ?? this.#command;
  }

  /** What the kernel is started with after a change; undefined while the first one's modules are loaded. */
  optionsAfter({ options: { kernel } }: Change): KernelOptions | undefined {
    return this.#options === undefined ? undefined : { ...this.#options, ...kernel };
  }

  /** The files that the kernel's modules are from after a change. */
  modulesAfter({ options: { modules } }: Change): readonly string[] {
    return modules ?? this.#modules;
  }

  /** From here on it is this. */
  become(command: Command, options = this.#options, modules = this.#modules): void {
    this.#command = command;
    this.#options = options;
    this.#modules = modules;
  }
}
