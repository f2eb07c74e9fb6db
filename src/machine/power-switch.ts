import type { Notification } from '../host/seccomp.js';
import type { EndKind, LoadedImage, Power } from './traps/trap.js';
import type { RebootOver } from './watched-calls.js';

/** What the programs of a machine may do to the whole of it, and what they have loaded for that. */
export class PowerSwitch implements Power {
  image: LoadedImage | undefined;
  crashImage: LoadedImage | undefined;
  readonly #asked: { loaded(): void; ended(kind: EndKind, call: Notification, over: RebootOver): void };

  /** @param asked told what a program asks for */
  constructor(asked: { loaded(): void; ended(kind: EndKind, call: Notification, over: RebootOver): void }) {
    this.#asked = asked;
  }

  imageLoaded(): void {
    this.#asked.loaded();
  }

  end(kind: EndKind, call: Notification, over: RebootOver): void {
    this.#asked.ended(kind, call, over);
  }

  /** The next kernel has nothing loaded. */
  reset(): void {
    this.image = undefined;
    this.crashImage = undefined;
  }
}
