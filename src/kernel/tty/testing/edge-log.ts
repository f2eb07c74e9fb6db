/** Edges of lines as the measured records write them: `+OUT2 +DTR+RTS`, those of one write without a gap. */
import { type Outputs, RecordedWires } from '../../../devices/wires.js';
import type { UartRegisters } from '../serial-hardware.js';

type Levels = Readonly<Record<string, boolean>>;

export class EdgeLog {
  #groups: string[] = [];
  #levels: Levels = {};

  /** What the lines are now; those that are not named stay as they are. */
  set(levels: Levels): void {
    const changed = Object.entries(levels).filter(([line, level]) => (this.#levels[line] ?? false) !== level);
    this.#levels = { ...this.#levels, ...levels };
    if (changed.length > 0) this.#groups.push(changed.map(([line, level]) => `${level ? '+' : '-'}${line}`).join(''));
  }

  /** What came since the last call. */
  take(): string {
    const text = this.#groups.join(' ');
    this.#groups = [];
    return text;
  }
}

/** Wires that log the edges of DTR, RTS and of a break. */
export class LoggedWires extends RecordedWires {
  log: EdgeLog | undefined;

  override setOutputs(outputs: Outputs): void {
    super.setOutputs(outputs);
    this.log?.set({ DTR: outputs.dtr, RTS: outputs.rts });
  }

  override setBreak(on: boolean): void {
    super.setBreak(on);
    this.log?.set({ BREAK: on });
  }
}

const LINE_CONTROL = 3;
const MODEM_CONTROL = 4;

/** The registers of a 16550 that log all of its outputs, those included that lead to no connector. */
export function loggedRegisters(registers: UartRegisters, log: EdgeLog): UartRegisters {
  return {
    read: (offset) => registers.read(offset),
    write: (offset, value) => {
      registers.write(offset, value);
      const bit = (mask: number) => (value & mask) !== 0;
      if (offset === MODEM_CONTROL)
        log.set({ DTR: bit(0x01), RTS: bit(0x02), OUT1: bit(0x04), OUT2: bit(0x08), LOOP: bit(0x10) });
      if (offset === LINE_CONTROL) log.set({ BREAK: bit(0x40) });
    },
  };
}
