import { createEmulatedPort } from '../../devices/emulated-port.js';
import { parseSerialPort } from '../../devices/options.js';
import { KernelError } from '../../kernel/error.js';
import { SetupError } from '../directories.js';
import type { Watcher } from '../watcher.js';
import { EmulatedLine } from './emulated-line.js';
import { HardwareClock } from './hardware-clock.js';
import { HostLine } from './host-line.js';
import { SerialPorts } from './serial-ports.js';

/**
 * Whether ports can be told apart and read.
 *
 * @throws SerialPortError, SetupError
 */
export function checkSerialPorts(texts: readonly string[]): void {
  const names = texts.map((text) => parseSerialPort(text).name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new SetupError(`Cannot add serial port ${twice} twice: give each a name of its own`);
}

/**
 * The serial ports of a machine.
 *
 * @param texts as devices/options.ts reads them
 * @throws SerialPortError where one cannot be read, SetupError where one of the host cannot be held
 */
export function createSerialPorts(texts: readonly string[], watcher: Watcher): SerialPorts {
  const after = (milliseconds: number, action: () => void) => watcher.after(milliseconds, action);
  const clock = new HardwareClock(after);
  const unplugged = (message: string) => new KernelError('ENODEV', message);
  const ports = new SerialPorts(after, (changed) =>
    texts.map((text) => {
      const spec = parseSerialPort(text);
      if (spec.driver === 'host') return new HostLine(spec.name, spec.path, watcher);
      const make = (events: Parameters<typeof createEmulatedPort>[2]) =>
        createEmulatedPort(spec, clock, { ...events, unplugged });
      return new EmulatedLine(make, { watcher, clock, changed });
    }),
  );
  // Boards have something to do from the beginning.
  clock.setTimer();
  return ports;
}
