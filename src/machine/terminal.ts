import { takeTerminal, terminalModes } from '../host/libc.js';

const STANDARD_INPUT = 0;

/** The terminal that the machine was started on, where there is one. */
export class Terminal {
  /** Before there were programs. */
  readonly modes: Uint8Array | undefined;

  constructor(modes = terminalModes(STANDARD_INPUT)) {
    this.modes = modes;
  }

  /** Takes it back from programs that were killed: they cannot do it. */
  restore(): void {
    if (this.modes !== undefined) takeTerminal(STANDARD_INPUT, this.modes);
  }
}
