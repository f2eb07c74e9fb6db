/** The fake machine with emulated serial ports, whose lines are logged. */
import { createChip } from '../../../devices/chips.js';
import { ManualClock } from '../../../devices/clock.js';
import { parseSerialPort } from '../../../devices/options.js';
import { WaveformRecorder } from '../../../devices/waveform-recorder.js';
import type { Inputs } from '../../../devices/wires.js';
import { KernelError } from '../../error.js';
import type { Handover, SerialHardware } from '../../hardware.js';
import { Kernel, type KernelOptions } from '../../kernel.js';
import { FakeMachine } from '../../testing/checked-machine.js';
import { FakeTask } from '../../testing/fake-task.js';
import type { SerialPort } from '../serial-hardware.js';
import type { Tty, TtyOpening } from '../tty.js';
import { EdgeLog, LoggedWires } from './edge-log.js';

class FakePort {
  readonly hardware: SerialPort;
  readonly log = new EdgeLog();
  readonly wires: LoggedWires;
  isPlugged = true;

  constructor(text: string) {
    const spec = parseSerialPort(text);
    if (spec.driver === 'host') throw new TypeError(`Cannot emulate ${text}: it is a port of the host`);
    const clock = new ManualClock();
    const wires = new LoggedWires(clock, new WaveformRecorder(clock, spec.name), {
      received: () => {},
      inputsChanged: (inputs) => chip.inputsChanged(inputs),
    });
    wires.log = this.log;
    this.wires = wires;
    const chip = createChip(spec, clock, wires, {
      received: () => {},
      interrupt: () => {},
      check: () => {
        if (!this.isPlugged) throw new KernelError('ENODEV', `Cannot reach ${spec.name}: it is unplugged`);
      },
    });
    this.hardware = chip.hardware;
  }
}

export class SerialMachine extends FakeMachine {
  readonly #ports: readonly FakePort[];
  readonly #serial: SerialHardware;

  /** @param texts as `luo run --serial` takes them */
  constructor(texts: readonly string[], options: Partial<KernelOptions> = {}) {
    const all = { profile: 'linux', preserve: ['ttys'], ...options } as const;
    super(all);
    this.#ports = texts.map((text) => new FakePort(text));
    this.#serial = {
      ports: this.#ports.map(({ hardware }) => hardware),
      // A file of the fake host is what its link says.
      nameOf: (descriptor) => /^\/dev\/(tty.*)$/.exec(this.host.status(descriptor).link)?.[1],
    };
    this.kernel.shutdown();
    Object.assign(this.hardware, { serial: this.#serial });
    this.kernel = Kernel.boot(this.hardware, all);
    this.task = new FakeTask(this.kernel, this.host);
    this.kernel.start();
    this.takeEdges();
  }

  /** The next kernel finds the same hardware. */
  override boot(handover: Handover, options: Partial<KernelOptions> = {}): void {
    Object.assign(this.hardware, { serial: this.#serial });
    super.boot(handover, options);
    this.kernel.start();
  }

  tty(name: string): Tty {
    const tty = this.kernel.tty(name);
    if (tty === undefined) throw new TypeError(`there is no ${name}`);
    return tty;
  }

  /** `open` of a port. A port without a driver in the kernel is the host's. @returns the descriptor */
  openTty(name: string, opening: Partial<TtyOpening> = {}): number {
    this.kernel.tty(name)?.open({ keep: false, nonblock: true, privileged: true, ...opening });
    return this.task.open(this.host.file({ kind: 'other', link: `/dev/${name}` }));
  }

  unplug(name: string): void {
    this.tty(name).unplug();
    this.#port(name).isPlugged = false;
  }

  plug(name: string): void {
    this.#port(name).isPlugged = true;
    this.kernel.plugTty(name);
  }

  /** What the other end asserts. No kernel is told: it finds it when it looks. */
  setInputs(name: string, inputs: Partial<Inputs>): void {
    this.#port(name).wires.setInputs(inputs);
  }

  #port(name: string): FakePort {
    const port = this.#ports.find(({ hardware }) => hardware.name === name);
    if (port === undefined) throw new TypeError(`there is no ${name}`);
    return port;
  }

  /** What the lines did since the last call. */
  takeEdges(): string {
    return this.#ports
      .map(({ hardware, log }) => [hardware.name, log.take()])
      .filter(([, edges]) => edges !== '')
      .map(([name, edges]) => `${name} ${edges}`)
      .join(', ');
  }
}
