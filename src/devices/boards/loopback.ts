import type { Board, Outputs, Wires } from '../wires.js';

/** A plug that leads the port back to itself: TXD to RXD, RTS to CTS, DTR to DSR and DCD. */
export class Loopback implements Board {
  readonly name = 'loopback';
  readonly #wires: Wires;
  #bytes = 0;

  constructor(wires: Wires) {
    this.#wires = wires;
  }

  counts(): Readonly<Record<string, number>> {
    return { bytes: this.#bytes };
  }

  linesChanged({ dtr, rts }: Outputs): void {
    this.#wires.setInputs({ cts: rts, dsr: dtr, dcd: dtr });
  }

  received(bytes: Uint8Array, began: number): void {
    this.#bytes += bytes.length;
    this.#wires.reflect(bytes, began);
  }
}
