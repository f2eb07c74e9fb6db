import type { Waveform } from '../../devices/waveform.js';
import { statDescriptor, statPath } from '../../host/descriptors.js';
import type { Descriptor, SerialHardware } from '../../kernel/hardware.js';
import type { Kernel } from '../../kernel/kernel.js';
import { SetupError } from '../directories.js';
import { say } from '../report.js';
import { EmulatedLine } from './emulated-line.js';
import type { After } from './hardware-clock.js';
import type { SerialLine } from './serial-line.js';
import { WaitingCalls } from './waiting-calls.js';
import { writeWaveforms } from './waveform-file.js';

/** The serial ports of a machine. They are hardware: generations come and go on them. */
export class SerialPorts {
  readonly waiting: WaitingCalls;
  readonly lines: readonly SerialLine[];

  /** @param make makes the ports, whose calls may wait for `changed` */
  constructor(after: After, make: (changed: () => void) => readonly SerialLine[]) {
    this.waiting = new WaitingCalls(after);
    this.lines = make(() => this.waiting.attempt());
  }

  /** What a kernel sees of them. */
  get hardware(): SerialHardware {
    return {
      ports: this.emulated.map(({ port }) => port.hardware),
      nameOf: (descriptor: Descriptor) => this.having(statDescriptor(descriptor).represents)?.name,
    };
  }

  get emulated(): EmulatedLine[] {
    return this.lines.filter((line) => line instanceof EmulatedLine);
  }

  /** The port of a name, such as `ttyS0`, whether it is plugged in or not. */
  named(name: string): SerialLine | undefined {
    return this.lines.find((line) => line.name === name);
  }

  /** The port that a program has open, by a path such as `/proc/7/fd/3`. */
  behind(path: string): SerialLine | undefined {
    if (this.lines.every(({ device }) => device === undefined)) return undefined;
    const status = statPath(path);
    return typeof status === 'number' ? undefined : this.having(status.represents);
  }

  /** The port that an open file is, by the number of its device. */
  having(device: bigint): SerialLine | undefined {
    return device === 0n ? undefined : this.lines.find((line) => line.device === device);
  }

  /**
   * What has happened on the wires so far.
   *
   * @param name of one port; all that are emulated by default
   * @throws SetupError where there is none of that name
   */
  waveforms(name?: string): Waveform[] {
    const lines = name === undefined ? this.emulated : [this.#emulated(name)];
    return lines.map((line) => line.waveform());
  }

  /** Puts an emulated device in or pulls it out. @throws SetupError where that cannot be done */
  plug(name: string, plugged: boolean): void {
    const line = this.#emulated(name);
    if (!line.port.isRemovable) {
      throw new SetupError(`Cannot unplug ${name}: a port of that driver is a part of the machine, and on no cable`);
    }
    if (plugged) line.plug();
    else line.unplug();
  }

  #emulated(name: string): EmulatedLine {
    const line = this.emulated.find((one) => one.name === name);
    if (line !== undefined) return line;
    const names = this.emulated.map((one) => one.name).join(', ') || 'none';
    throw new SetupError(`Cannot find serial port "${name}": the machine emulates ${names}`);
  }

  /** A generation begins, and its kernel has started. */
  begin(kernel: Kernel): void {
    this.waiting.clear();
    for (const line of this.lines) line.begin(kernel);
  }

  /**
   * The machine ends.
   *
   * @param waveform the path of a file for what has happened on the wires
   */
  end(waveform: string | undefined): void {
    this.waiting.giveUp();
    if (waveform !== undefined) this.#write(waveform);
    for (const line of this.lines) line.close();
  }

  #write(path: string): void {
    try {
      writeWaveforms(path, this.waveforms());
    } catch (error) {
      say(`Cannot write the waveform: ${error instanceof Error ? error.message : error}`);
    }
  }
}
