/** The chips behind the drivers, each with what a driver sees of it. */
import type {
  CdcAcmPort,
  PortHardware,
  PowerGatedPort,
  SerialPort,
  Uart8250Port,
  UsbConverterPort,
  WiredEnablePort,
} from '../kernel/tty/serial-hardware.js';
import { TIOCM_CAR, TIOCM_CTS, TIOCM_DSR, TIOCM_RNG } from '../uapi/tty.js';
import { CdcAcmFunction } from './cdc-acm.js';
import type { Clock } from './clock.js';
import type { EmulatedPortSpec } from './options.js';
import { SwitchedPower } from './power.js';
import { LCR_SBC, Uart16550, uart } from './uart-16550.js';
import type { Inputs, RecordedWires } from './wires.js';

/** What a chip asks of and tells its surroundings. */
export interface ChipEvents {
  /** Bytes that the chip made itself, in loop-back. */
  received(bytes: Uint8Array): void;
  interrupt(): void;
  /** Throws where the chip cannot be reached. */
  check(): void;
}

export interface Chip {
  readonly hardware: SerialPort;
  /** Whether what comes in on the wire gets through. */
  readonly isListening: boolean;
  inputsChanged(inputs: Inputs): void;
  /** As it is after power-on: outputs inactive. */
  reset(): void;
}

type Maker = (spec: EmulatedPortSpec, clock: Clock, wires: RecordedWires, events: ChipEvents) => Chip;

export function createChip(...[spec, ...surroundings]: Parameters<Maker>): Chip {
  return makers[spec.driver](spec, ...surroundings);
}

const makers: Readonly<Record<SerialPort['driver'], Maker>> = {
  '8250': createUart8250,
  'cdc-acm': createCdcAcm,
  'usb-serial': createUsbConverter,
  'power-gated': createPowerGated,
  'wired-enable': createWiredEnable,
};

function createUart8250(...[spec, clock, wires, events]: Parameters<Maker>): Chip {
  const registers = uartOn(wires, events);
  const hardware: Uart8250Port = {
    ...portOn(spec, clock, wires, events),
    driver: '8250',
    registers,
    transceiver: spec.board === 'rs485-bus',
    ...throughUart(registers, clock, wires, events),
  };
  return {
    hardware,
    get isListening() {
      return !registers.isLooping;
    },
    inputsChanged: (inputs) => registers.inputsChanged(inputs),
    reset: () => registers.reset(),
  };
}

function createPowerGated(...[spec, clock, wires, events]: Parameters<Maker>): Chip {
  const chip = uartOn(wires, events);
  const power = powerOn(wires, (on) => {
    chip.reset();
    if (on) chip.inputsChanged(wires.inputs);
    // An input that is asserted already has not changed.
    if (on) chip.read(uart.MSR);
  });
  // Without power nothing drives the bus: all ones are read.
  const registers = {
    read: (offset: number) => (power.isOn ? chip.read(offset) : 0xff),
    write: (offset: number, value: number) => {
      if (power.isOn) chip.write(offset, value);
    },
  };
  const { transmit, setBreak } = throughUart(chip, clock, wires, events);
  const hardware: PowerGatedPort = {
    ...portOn(spec, clock, wires, events),
    driver: 'power-gated',
    power,
    registers,
    transmit: (bytes, bitTime, bitsPerByte) => {
      if (power.isOn) transmit(bytes, bitTime, bitsPerByte);
    },
    setBreak: (on) => {
      if (power.isOn) setBreak(on);
    },
  };
  return {
    hardware,
    get isListening() {
      return power.isOn && !chip.isLooping;
    },
    inputsChanged: (inputs) => {
      if (power.isOn) chip.inputsChanged(inputs);
    },
    reset: () => power.set(false),
  };
}

function createCdcAcm(...[spec, clock, wires, events]: Parameters<Maker>): Chip {
  const acm = new CdcAcmFunction(clock, wires);
  const hardware: CdcAcmPort = {
    ...portOn(spec, clock, wires, events),
    driver: 'cdc-acm',
    control: {
      send: (request, value, data) => {
        events.check();
        acm.send(request, value, data);
      },
      receive: (request, length) => {
        events.check();
        return acm.receive(request, length);
      },
    },
    inputs: () => acm.inputs,
  };
  return {
    hardware,
    isListening: true,
    inputsChanged: (inputs) => {
      if (acm.notify(inputs)) events.interrupt();
    },
    reset: () => acm.reset(),
  };
}

function createUsbConverter(...[spec, clock, wires, events]: Parameters<Maker>): Chip {
  const supply = powerOn(wires, (on) => {
    if (on) return;
    wires.setOutputs({ dtr: false, rts: false });
    wires.setBreak(false);
  });
  const port = portOn(spec, clock, wires, events);
  // What is said to a converter without power is lost.
  const hardware: UsbConverterPort = {
    ...port,
    driver: 'usb-serial',
    power: {
      get isOn() {
        return supply.isOn;
      },
      set: (on) => {
        events.check();
        supply.set(on);
      },
    },
    setLines: (dtr, rts) => {
      events.check();
      if (supply.isOn) wires.setOutputs({ dtr, rts });
    },
    setLineCoding: () => events.check(),
    inputs: () => (supply.isOn ? modemBits(wires.inputs) : 0),
    transmit: (bytes, bitTime, bitsPerByte) => {
      events.check();
      if (supply.isOn) port.transmit(bytes, bitTime, bitsPerByte);
    },
    setBreak: (on) => {
      events.check();
      if (supply.isOn) port.setBreak(on);
    },
  };
  return {
    hardware,
    get isListening() {
      return supply.isOn;
    },
    inputsChanged: () => {
      if (supply.isOn) events.interrupt();
    },
    reset: () => supply.set(false),
  };
}

function createWiredEnable(...[spec, clock, wires, events]: Parameters<Maker>): Chip {
  let isEnabled = false;
  const enable = (on: boolean) => {
    isEnabled = on;
    wires.setOutputs({ dtr: on, rts: on });
  };
  const hardware: WiredEnablePort = {
    ...portOn(spec, clock, wires, events),
    driver: 'wired-enable',
    enable,
    inputs: () => modemBits(wires.inputs),
  };
  return {
    hardware,
    get isListening() {
      return isEnabled;
    },
    inputsChanged: () => events.interrupt(),
    reset: () => enable(false),
  };
}

function portOn({ name }: EmulatedPortSpec, clock: Clock, wires: RecordedWires, events: ChipEvents): PortHardware {
  return {
    name,
    transmit: (bytes, bitTime, bitsPerByte) => {
      events.check();
      wires.transmit(bytes, bitTime, bitsPerByte);
    },
    setBreak: (on) => {
      events.check();
      wires.setBreak(on);
    },
    delay: (microseconds) => clock.advance(microseconds),
  };
}

/** The parts of a port that a 16550 has a say in. */
function throughUart(
  chip: Uart16550,
  clock: Clock,
  wires: RecordedWires,
  events: ChipEvents,
): Pick<PortHardware, 'transmit' | 'setBreak'> {
  return {
    transmit: (bytes, bitTime, bitsPerByte) => {
      if (!chip.isLooping) return wires.transmit(bytes, bitTime, bitsPerByte);
      clock.advance(bytes.length * bitsPerByte * bitTime);
      if (bytes.length > 0) events.received(bytes);
    },
    setBreak: (on) => {
      const others = chip.read(uart.LCR) & ~LCR_SBC;
      chip.write(uart.LCR, on ? others | LCR_SBC : others);
    },
  };
}

function uartOn(wires: RecordedWires, events: ChipEvents): Uart16550 {
  return new Uart16550({
    setOutputs: (outputs) => wires.setOutputs(outputs),
    setBreak: (on) => wires.setBreak(on),
    interrupt: () => events.interrupt(),
  });
}

/** A supply that the waveform shows. */
function powerOn(wires: RecordedWires, changed: (on: boolean) => void): SwitchedPower {
  wires.signal('POWER', 0);
  return new SwitchedPower((on) => {
    if (on) wires.signal('POWER', 1);
    changed(on);
    if (!on) wires.signal('POWER', 0);
  });
}

function modemBits({ cts, dsr, dcd, ri }: Inputs): number {
  return (cts ? TIOCM_CTS : 0) | (dsr ? TIOCM_DSR : 0) | (dcd ? TIOCM_CAR : 0) | (ri ? TIOCM_RNG : 0);
}
