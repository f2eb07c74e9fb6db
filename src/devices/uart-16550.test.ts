import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as chip from './uart-16550.js';
import { Uart16550, uart } from './uart-16550.js';
import { noInputs, type Outputs } from './wires.js';

class Pins {
  readonly outputs: Outputs[] = [];
  isBroken = false;
  interrupts = 0;

  setOutputs(outputs: Outputs): void {
    this.outputs.push(outputs);
  }

  setBreak(on: boolean): void {
    this.isBroken = on;
  }

  interrupt(): void {
    this.interrupts += 1;
  }
}

function powerUp(): { pins: Pins; registers: Uart16550 } {
  const pins = new Pins();
  return { pins, registers: new Uart16550(pins) };
}

test('one write to MCR drives DTR and RTS at one instant', () => {
  const { pins, registers } = powerUp();
  registers.write(uart.MCR, chip.MCR_DTR | chip.MCR_RTS);
  assert.deepEqual(pins.outputs, [{ dtr: true, rts: true }]);
  assert.equal(registers.read(uart.MCR), chip.MCR_DTR | chip.MCR_RTS);
});

test('MCR keeps its five bits and no other', () => {
  const { registers } = powerUp();
  registers.write(uart.MCR, 0xff);
  assert.equal(registers.read(uart.MCR), 0x1f);
});

test('loop-back forces the outputs inactive and leads them to the inputs', () => {
  const { pins, registers } = powerUp();
  registers.inputsChanged({ cts: true, dsr: true, dcd: true, ri: true });
  registers.write(uart.MCR, chip.MCR_LOOP | chip.MCR_RTS | chip.MCR_OUT2);
  assert.deepEqual(pins.outputs.at(-1), { dtr: false, rts: false });
  assert.equal(registers.read(uart.MSR) & 0xf0, chip.MSR_CTS | chip.MSR_DCD);
  registers.write(uart.MCR, chip.MCR_LOOP | chip.MCR_DTR | chip.MCR_OUT1);
  assert.equal(registers.read(uart.MSR) & 0xf0, chip.MSR_DSR | chip.MSR_RI);
  registers.write(uart.MCR, chip.MCR_RTS);
  assert.deepEqual(pins.outputs.at(-1), { dtr: false, rts: true });
  assert.equal(registers.read(uart.MSR) & 0xf0, 0xf0);
});

test('the divisor latches lie behind DLAB, and hide IER', () => {
  const { registers } = powerUp();
  registers.write(uart.IER, chip.IER_MSI);
  registers.write(uart.LCR, chip.LCR_DLAB | 3);
  registers.write(uart.DLL, 0x34);
  registers.write(uart.DLM, 0x12);
  assert.deepEqual([registers.read(uart.DLL), registers.read(uart.DLM)], [0x34, 0x12]);
  registers.write(uart.LCR, 3);
  assert.deepEqual([registers.read(uart.RBR), registers.read(uart.IER)], [0, chip.IER_MSI]);
});

test('IER has four bits: what a driver finds a 16550 by', () => {
  const { registers } = powerUp();
  registers.write(uart.IER, 0xff);
  assert.equal(registers.read(uart.IER), 0x0f);
});

test('IIR tells that the FIFO is enabled: what a driver finds a 16550A by', () => {
  const { registers } = powerUp();
  registers.write(uart.FCR, chip.FCR_ENABLE_FIFO);
  assert.equal(registers.read(uart.IIR), chip.IIR_FIFO_ENABLED | chip.IIR_NO_INT);
  registers.write(uart.FCR, 0);
  assert.equal(registers.read(uart.IIR), chip.IIR_NO_INT);
});

test('an input that changes is a delta until MSR is read', () => {
  const { registers } = powerUp();
  registers.inputsChanged({ ...noInputs, cts: true, dcd: true });
  assert.equal(registers.read(uart.MSR), chip.MSR_CTS | chip.MSR_DCD | chip.MSR_DCTS | chip.MSR_DDCD);
  assert.equal(registers.read(uart.MSR), chip.MSR_CTS | chip.MSR_DCD);
});

test('RI is a delta where it ends, not where it begins', () => {
  const { registers } = powerUp();
  registers.inputsChanged({ ...noInputs, ri: true });
  assert.equal(registers.read(uart.MSR), chip.MSR_RI);
  registers.inputsChanged(noInputs);
  assert.equal(registers.read(uart.MSR), chip.MSR_TERI);
});

test('an input interrupts where IER says so, and IIR says why until MSR is read', () => {
  const { pins, registers } = powerUp();
  registers.inputsChanged({ ...noInputs, dsr: true });
  assert.equal(pins.interrupts, 0);
  registers.write(uart.IER, chip.IER_MSI);
  assert.equal(pins.interrupts, 1);
  registers.inputsChanged(noInputs);
  assert.equal(pins.interrupts, 2);
  assert.equal(registers.read(uart.IIR), chip.IIR_MSI);
  registers.read(uart.MSR);
  assert.equal(registers.read(uart.IIR), chip.IIR_NO_INT);
});

test('the empty transmitter interrupts once, as soon as it may', () => {
  const { pins, registers } = powerUp();
  registers.write(uart.IER, chip.IER_THRI);
  assert.equal(pins.interrupts, 1);
  assert.equal(registers.read(uart.IIR), chip.IIR_THRI);
  assert.equal(registers.read(uart.IIR), chip.IIR_NO_INT);
});

test('the transmitter is always ready, and nothing is ever received through the registers', () => {
  assert.equal(powerUp().registers.read(uart.LSR), chip.LSR_THRE | chip.LSR_TEMT);
});

test('LCR holds the wire at a break, but for loop-back', () => {
  const { pins, registers } = powerUp();
  registers.write(uart.LCR, chip.LCR_SBC);
  assert.equal(pins.isBroken, true);
  registers.write(uart.MCR, chip.MCR_LOOP);
  assert.equal(pins.isBroken, false);
});

test('SCR keeps a byte, and LSR and MSR cannot be written', () => {
  const { registers } = powerUp();
  for (const offset of [uart.SCR, uart.LSR, uart.MSR]) registers.write(offset, 0x15a);
  assert.deepEqual([registers.read(uart.SCR), registers.read(uart.LSR), registers.read(uart.MSR)], [0x5a, 0x60, 0]);
});

test('a reset drops the outputs and forgets everything', () => {
  const { pins, registers } = powerUp();
  registers.write(uart.MCR, chip.MCR_DTR);
  registers.write(uart.SCR, 9);
  registers.reset();
  assert.deepEqual(pins.outputs.at(-1), { dtr: false, rts: false });
  assert.deepEqual([registers.read(uart.MCR), registers.read(uart.SCR)], [0, 0]);
});

test('a register that the chip does not have is refused', () => {
  const { registers } = powerUp();
  assert.throws(() => registers.read(8), /Cannot read register 8 of a 16550: it has registers 0 to 7/);
  assert.throws(() => registers.write(-1, 0), /Cannot write register -1 of a 16550/);
});
