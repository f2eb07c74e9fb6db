import type { Hardware } from '../hardware.js';
import type { Ledger } from '../liveupdate/ledger.js';
import type { Step, Tracer, Visit } from '../step.js';
import { PAGE_SIZE } from '../units.js';
import { FakeHost } from './fake-host.js';

/** A machine in memory, for tests. */
export class FakeHardware implements Hardware {
  readonly messages: string[] = [];
  /** Sees each step before it is made. What it throws makes the step fail. The next kernel has it, too. */
  onStep: Visit | undefined;
  /** Is told what is preserved. The next kernel has it, too. */
  ledger: Ledger | undefined;

  constructor(
    readonly ram: Uint8Array,
    readonly files: FakeHost = new FakeHost(),
    readonly tracer: Tracer | undefined = undefined,
  ) {}

  static withPages(pages: number): FakeHardware {
    return new FakeHardware(new Uint8Array(pages * PAGE_SIZE));
  }

  /**
   * What the next kernel runs on: the same descriptors, and the RAM in another place. The RAM that the old kernel had
   * is spoilt, so that a test fails where the next one still looks at it.
   */
  afterKexec(): FakeHardware {
    const next = new FakeHardware(this.ram.slice(), this.files, this.tracer);
    this.ram.fill(0xdb);
    next.onStep = this.onStep;
    next.ledger = this.ledger;
    return next;
  }

  visit(step: Step): void {
    this.onStep?.(step);
  }

  log(level: 'info' | 'warning' | 'error', message: string): void {
    this.messages.push(`${level}: ${message}`);
  }
}
