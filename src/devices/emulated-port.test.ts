import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TIOCM_CAR, TIOCM_CTS, TIOCM_DSR } from '../uapi/tty.js';
import { SET_CONTROL_LINE_STATE, SET_LINE_CODING } from './cdc-acm.js';
import { ManualClock } from './clock.js';
import { createEmulatedPort, type EmulatedPort } from './emulated-port.js';
import { boardNames, serialDrivers } from './options.js';
import { BIT_TIME, emulated, PortBench } from './testing/bench.js';
import { IER_MSI, LCR_SBC, MCR_DTR, MCR_LOOP, MCR_RTS, MSR_CTS, uart } from './uart-16550.js';
import { Unplugged } from './unplugged.js';
import { glitches } from './waveform.js';

const hello = Uint8Array.from('hello', (character) => character.charCodeAt(0));

/** The hardware of the driver that the test asked for. */
function as<Driver extends EmulatedPort['hardware']['driver']>(port: EmulatedPort, driver: Driver) {
  const { hardware } = port;
  if (hardware.driver !== driver) throw new TypeError(`It is ${hardware.driver}`);
  // The driver tells the members apart, which the compiler does not see for one that is a parameter.
  return hardware as Extract<EmulatedPort['hardware'], { driver: Driver }>;
}

test('every driver can be had with every board, and drives no line by itself', () => {
  for (const driver of serialDrivers) {
    for (const board of boardNames) {
      const bench = new PortBench(`ttyS0=${driver},${board}`);
      assert.equal(bench.port.hardware.driver, driver);
      assert.equal(bench.port.board.name, board);
      assert.equal(bench.port.description, `${driver}, ${board}`);
      bench.clock.run(1_000_000);
      assert.deepEqual([...bench.edgesOf('DTR'), ...bench.edgesOf('RTS')], []);
    }
  }
});

test('a glitch at open is in the waveform: a 16550 that is told both lines and then none, 3 us later', () => {
  const { port, clock } = new PortBench('ttyS0=8250,arduino');
  const { registers } = as(port, '8250');
  registers.write(uart.MCR, MCR_DTR | MCR_RTS);
  clock.run(3);
  registers.write(uart.MCR, 0);
  assert.deepEqual(
    glitches(port.waveform.snapshot(), 10).map(({ signal, end, start }) => [signal, end - start]),
    [
      ['DTR', 3],
      ['RTS', 3],
    ],
  );
  assert.deepEqual(port.board.counts(), { resets: 1 });
});

test('bytes take the time of their bits, and what the wire leads back comes at their end', () => {
  const bench = new PortBench('ttyS0=8250,loopback');
  bench.port.hardware.transmit(hello, BIT_TIME, 10);
  assert.equal(Math.round(bench.clock.now()), Math.round(50 * BIT_TIME));
  assert.equal(bench.takeText(), 'hello');
  const [received, sent] = bench.port.waveform.snapshot().bursts;
  assert.deepEqual([received?.line, sent?.line].toSorted(), ['RXD', 'TXD']);
  assert.deepEqual([received?.start, received?.end], [sent?.start, sent?.end]);
});

test('no bytes are no burst', () => {
  const { port } = new PortBench('ttyS0=8250,loopback');
  port.hardware.transmit(new Uint8Array(), BIT_TIME, 10);
  assert.deepEqual(port.waveform.snapshot().bursts, []);
});

test('a driver that holds RTS around what it sends is heard on an RS-485 bus, and the waveform shows it', () => {
  const bench = new PortBench('ttyS0=8250,rs485-bus');
  const { registers, transceiver } = as(bench.port, '8250');
  assert.equal(transceiver, true);
  registers.write(uart.MCR, MCR_RTS);
  bench.port.hardware.delay(100);
  bench.port.hardware.transmit(hello, BIT_TIME, 10);
  bench.port.hardware.delay(50);
  registers.write(uart.MCR, 0);
  const [rise = 0, fall = 0] = bench.edgesOf('DE');
  assert.deepEqual([rise, Math.round(fall)], [0, Math.round(150 + 50 * BIT_TIME)]);
  bench.clock.run(5_000);
  assert.equal(bench.takeText(), 'peer: got 5 bytes\r\n');
});

test('only a 16550 on an RS-485 bus has a transceiver', () => {
  assert.equal(as(new PortBench('ttyS0=8250,esp32').port, '8250').transceiver, false);
});

test('a change of an input of a 16550 interrupts, and MSR tells it', () => {
  const bench = new PortBench('ttyS0=8250,loopback');
  const { registers } = as(bench.port, '8250');
  registers.write(uart.IER, IER_MSI);
  registers.write(uart.MCR, MCR_RTS);
  assert.equal(bench.interrupts, 1);
  assert.notEqual(registers.read(uart.MSR) & MSR_CTS, 0);
});

test('in loop-back a 16550 gets its own bytes, and neither sends nor hears any', () => {
  const bench = new PortBench('ttyS0=8250,esp32');
  as(bench.port, '8250').registers.write(uart.MCR, MCR_LOOP);
  bench.port.hardware.transmit(hello, BIT_TIME, 10);
  assert.equal(bench.takeText(), 'hello');
  bench.clock.run(3_000_000);
  assert.equal(bench.takeText(), '');
  assert.ok(bench.port.waveform.snapshot().bursts.every(({ line }) => line === 'RXD'));
});

test('a break of a 16550 is in LCR and in the waveform', () => {
  const bench = new PortBench('ttyS0=8250');
  bench.port.hardware.setBreak(true);
  assert.equal(as(bench.port, '8250').registers.read(uart.LCR) & LCR_SBC, LCR_SBC);
  bench.clock.run(7);
  bench.port.hardware.setBreak(false);
  assert.deepEqual(bench.edgesOf('BREAK'), [0, 7]);
});

test('a CDC-ACM device is told both lines at once, and tells of its inputs', () => {
  const bench = new PortBench('ttyACM0=cdc-acm,loopback');
  const { control, inputs } = as(bench.port, 'cdc-acm');
  bench.clock.run(10);
  control.send(SET_CONTROL_LINE_STATE, 3);
  assert.deepEqual([bench.edgesOf('DTR'), bench.edgesOf('RTS')], [[10], [10]]);
  assert.equal(inputs(), TIOCM_CAR | TIOCM_DSR);
  assert.equal(bench.interrupts, 1);
});

test('a USB converter loses its lines with its power, and remembers nothing', () => {
  const bench = new PortBench('ttyUSB0=usb-serial,loopback');
  const usb = as(bench.port, 'usb-serial');
  usb.setLines(true, true);
  assert.deepEqual(bench.edgesOf('DTR'), []);
  usb.power.set(true);
  usb.power.set(true);
  usb.setLines(true, true);
  usb.setLineCoding(9600, 0);
  assert.equal(usb.inputs(), TIOCM_CTS | TIOCM_CAR | TIOCM_DSR);
  bench.clock.run(5);
  usb.power.set(false);
  bench.clock.run(5);
  usb.power.set(true);
  assert.deepEqual(
    [bench.edgesOf('DTR'), bench.edgesOf('RTS')],
    [
      [0, 5],
      [0, 5],
    ],
  );
  assert.equal(usb.power.isOn, true);
});

test('a USB converter without power neither sends nor hears, and has no inputs', () => {
  const bench = new PortBench('ttyUSB0=usb-serial,modem');
  const usb = as(bench.port, 'usb-serial');
  usb.transmit(hello, BIT_TIME, 10);
  usb.setBreak(true);
  bench.clock.run(1_000_000);
  assert.equal(bench.takeText(), '');
  assert.equal(usb.inputs(), 0);
  assert.deepEqual([...bench.port.waveform.snapshot().bursts, ...bench.edgesOf('BREAK')], []);
});

test('a UART without power has ones in place of registers, and forgets what was in them', () => {
  const bench = new PortBench('ttyS1=power-gated,loopback');
  const { registers, power } = as(bench.port, 'power-gated');
  registers.write(uart.MCR, MCR_DTR);
  assert.equal(registers.read(uart.MCR), 0xff);
  power.set(true);
  assert.equal(registers.read(uart.MCR), 0);
  registers.write(uart.MCR, MCR_DTR | MCR_RTS);
  bench.port.hardware.transmit(hello, BIT_TIME, 10);
  bench.port.hardware.setBreak(true);
  assert.equal(bench.takeText(), 'hello');
  power.set(false);
  assert.equal(bench.edgesOf('DTR').length, 2);
  bench.port.hardware.transmit(hello, BIT_TIME, 10);
  bench.port.hardware.setBreak(true);
  assert.equal(bench.takeText(), '');
  power.set(true);
  assert.equal(registers.read(uart.MCR), 0);
  assert.equal(bench.edgesOf('POWER').length, 3);
});

test('a UART that gets power does not take an asserted input for one that changed', () => {
  const { port } = new PortBench('ttyS1=power-gated,modem');
  const { registers, power } = as(port, 'power-gated');
  power.set(true);
  assert.equal(registers.read(uart.MSR), 0x30);
});

test('a UART with a wired enable asserts DTR and RTS with it, and hears nothing without', () => {
  const bench = new PortBench('ttyS2=wired-enable,loopback');
  const wired = as(bench.port, 'wired-enable');
  wired.enable(true);
  assert.equal(wired.inputs(), TIOCM_CTS | TIOCM_CAR | TIOCM_DSR);
  wired.transmit(hello, BIT_TIME, 10);
  assert.equal(bench.takeText(), 'hello');
  wired.enable(false);
  wired.transmit(hello, BIT_TIME, 10);
  assert.equal(bench.takeText(), '');
  assert.deepEqual(bench.edgesOf('DTR'), bench.edgesOf('RTS'));
  assert.equal(bench.edgesOf('DTR').length, 2);
});

test('a device that is unplugged refuses every request, and its lines fall', () => {
  const bench = new PortBench('ttyACM0=cdc-acm,loopback');
  const acm = as(bench.port, 'cdc-acm');
  acm.control.send(SET_CONTROL_LINE_STATE, 3);
  bench.port.unplug();
  bench.port.unplug();
  assert.equal(bench.port.isPlugged, false);
  const requests = [
    () => acm.control.send(SET_LINE_CODING, 0, new Uint8Array(7)),
    () => acm.control.receive(SET_LINE_CODING, 7),
    () => acm.transmit(hello, BIT_TIME, 10),
    () => acm.setBreak(true),
  ];
  for (const request of requests) {
    assert.throws(request, { name: 'Unplugged', code: 'ENODEV', message: 'Cannot reach ttyACM0: it is unplugged' });
  }
  assert.equal(bench.edgesOf('DTR').length, 2);
  assert.equal(acm.inputs(), 0);
});

test('a converter that is unplugged refuses every request', () => {
  const bench = new PortBench('ttyUSB0=usb-serial,loopback');
  const usb = as(bench.port, 'usb-serial');
  usb.power.set(true);
  bench.port.unplug();
  const requests = [
    () => usb.power.set(true),
    () => usb.setLines(true, true),
    () => usb.setLineCoding(9600, 0),
    () => usb.transmit(hello, BIT_TIME, 10),
    () => usb.setBreak(true),
  ];
  for (const request of requests) assert.throws(request, Unplugged);
  assert.deepEqual([usb.power.isOn, usb.inputs()], [false, 0]);
});

test('what is thrown for an unplugged device is what the machine makes', () => {
  const clock = new ManualClock();
  const port = createEmulatedPort(emulated('ttyACM0=cdc-acm'), clock, {
    received: () => {},
    interrupt: () => {},
    unplugged: (message) => new RangeError(`ENODEV: ${message}`),
  });
  port.unplug();
  assert.throws(() => port.hardware.setBreak(true), { name: 'RangeError', message: /^ENODEV: Cannot reach ttyACM0/ });
});

test('a device that is plugged in again is as new, and its board has power again', () => {
  const bench = new PortBench('ttyACM0=cdc-acm,modem');
  const acm = as(bench.port, 'cdc-acm');
  bench.port.plug();
  bench.port.unplug();
  assert.equal(acm.inputs(), 0);
  bench.port.plug();
  assert.equal(acm.inputs(), TIOCM_DSR);
  acm.transmit(Uint8Array.from([0x41, 0x54, 0x0d]), BIT_TIME, 10);
  bench.clock.run(100_000);
  assert.match(bench.takeText(), /OK/);
});

test('what is on its way when a device is unplugged is lost', () => {
  const bench = new PortBench('ttyACM0=cdc-acm,esp32');
  bench.port.hardware.transmit(Uint8Array.from([0x61, 0x0a]), BIT_TIME, 10);
  bench.port.unplug();
  bench.clock.run(5_000_000);
  assert.equal(bench.takeText(), '');
});

test('a port that is a part of the machine cannot be unplugged', () => {
  const { port } = new PortBench('ttyS0=8250');
  assert.equal(port.isRemovable, false);
  assert.throws(() => port.unplug(), /Cannot unplug ttyS0: a port of driver 8250 is a part of the machine/);
  assert.throws(() => port.plug(), /Cannot plug ttyS0: a port of driver 8250 is a part of the machine/);
});
