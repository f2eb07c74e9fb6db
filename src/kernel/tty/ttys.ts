import { KernelError } from '../error.js';
import { driverOf } from './drivers/driver-of.js';
import type { SerialPort } from './serial-hardware.js';
import { Tty } from './tty.js';
import type { TtyRecord } from './tty-record.js';

/** The serial ports of one kernel. */
export class Ttys {
  /** What the last kernel preserved of them. Set by whoever can read that. */
  preserved: () => readonly TtyRecord[] = () => [];
  readonly #ports: readonly SerialPort[];
  readonly #byName = new Map<string, Tty>();

  constructor(ports: readonly SerialPort[]) {
    this.#ports = ports;
    for (const port of ports) this.#byName.set(port.name, new Tty(driverOf(port)));
  }

  /** A port is there again after it was unplugged: with a driver that knows nothing of it, and no settings. */
  plug(name: string): void {
    const port = this.#ports.find((one) => one.name === name);
    if (port === undefined) return;
    const tty = new Tty(driverOf(port));
    this.#byName.set(name, tty);
    tty.configure();
  }

  get(name: string): Tty | undefined {
    return this.#byName.get(name);
  }

  /**
   * The drivers find their ports. Those that the last kernel preserved go on as they were, and no line of them moves.
   * Not before the last kernel's programs are gone: a port that a driver finds loses its lines.
   *
   * @param failed told where what the last kernel left cannot be read: all ports are found anew then
   */
  start(failed: (message: string) => void): void {
    const passed = new Set<Tty>();
    for (const { name, state } of this.#readPreserved(failed)) {
      const tty = this.#byName.get(name);
      if (tty === undefined || state === undefined) continue;
      passed.add(tty);
      ifPlugged(tty, () => {
        tty.restore(state);
        // What the inputs did meanwhile has interrupted nobody: carrier may be lost.
        tty.interrupt();
      });
    }
    for (const tty of this.#byName.values()) {
      if (!passed.has(tty)) ifPlugged(tty, () => tty.configure());
    }
  }

  #readPreserved(failed: (message: string) => void): readonly TtyRecord[] {
    try {
      return this.preserved();
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      failed(`The lines of the preserved ttys fall: ${error.message}`);
      return [];
    }
  }
}

/** A port that is unplugged is not found until it is there again. */
function ifPlugged(tty: Tty, run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof KernelError) || error.code !== 'ENODEV') throw error;
    tty.unplug();
  }
}
