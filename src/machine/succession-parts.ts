import type { Chronicle } from './chronicle.js';
import type { MachineConfig, MachineEvents, Outcome } from './config.js';
import type { MachineHardware } from './host-hardware.js';
import type { PowerSwitch } from './power-switch.js';
import type { Programs } from './programs.js';
import type { Stage } from './stage.js';
import type { Recovery } from './vault/recovery.js';
import type { Watcher } from './watcher.js';

/** What a succession works with: the rest of the machine. */
export interface SuccessionParts {
  readonly config: MachineConfig;
  readonly events: MachineEvents;
  readonly watcher: Watcher;
  readonly programs: Programs;
  readonly hardware: MachineHardware;
  readonly chronicle: Chronicle;
  readonly power: PowerSwitch;
  readonly stage: Stage;
  /** What was held of the machine before this one. */
  readonly recovery: Recovery | undefined;
  /** The machine ends with this, unless it has ended already. */
  end(outcome: Outcome): void;
  hasEnded(): boolean;
  /** Nothing is under way any more, as a rule: if no program runs, none will. */
  idle(): void;
}
