import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TIOCM_CAR, TIOCM_DSR, TIOCM_RNG } from '../uapi/tty.js';
import * as acm from './cdc-acm.js';
import { ManualClock } from './clock.js';
import { noInputs, type Outputs } from './wires.js';

function plugIn() {
  const clock = new ManualClock();
  const outputs: Outputs[] = [];
  const breaks: string[] = [];
  const device = new acm.CdcAcmFunction(clock, {
    setOutputs: (lines) => outputs.push(lines),
    setBreak: (on) => breaks.push(`${on ? 'on' : 'off'} at ${clock.now()}`),
  });
  return { clock, device, outputs, breaks };
}

test('one SET_CONTROL_LINE_STATE sets DTR and RTS at one instant', () => {
  const { device, outputs } = plugIn();
  for (const value of [3, 1, 2, 0]) device.send(acm.SET_CONTROL_LINE_STATE, value);
  assert.deepEqual(
    outputs.map(({ dtr, rts }) => [dtr, rts]),
    [
      [true, true],
      [true, false],
      [false, true],
      [false, false],
    ],
  );
});

test('a line coding that was set is answered', () => {
  const { device } = plugIn();
  assert.deepEqual([...(device.receive(acm.GET_LINE_CODING, 7) ?? [])], [0, 0xc2, 1, 0, 0, 0, 8]);
  device.send(acm.SET_LINE_CODING, 0, Uint8Array.from([0x80, 0x25, 0, 0, 0, 0, 8]));
  assert.deepEqual([...(device.receive(acm.GET_LINE_CODING, 7) ?? [])], [0x80, 0x25, 0, 0, 0, 0, 8]);
});

test('a line coding that is too short changes nothing', () => {
  const { device } = plugIn();
  device.send(acm.SET_LINE_CODING, 0, Uint8Array.of(1, 2, 3));
  assert.equal(device.receive(acm.GET_LINE_CODING, 1)?.[0], 0);
});

test('a break lasts as many milliseconds as it says', () => {
  const { clock, device, breaks } = plugIn();
  device.send(acm.SEND_BREAK, 250);
  clock.run(1_000_000);
  assert.deepEqual(breaks, ['on at 0', 'off at 250000']);
});

test('a break without an end lasts until it is ended', () => {
  const { clock, device, breaks } = plugIn();
  device.send(acm.SEND_BREAK, acm.BREAK_ON);
  clock.run(100_000_000);
  device.send(acm.SEND_BREAK, 0);
  assert.deepEqual(breaks, ['on at 0', 'off at 100000000']);
});

test('inputs are told of as SERIAL_STATE can: there is no CTS', () => {
  const { device } = plugIn();
  assert.equal(device.notify({ ...noInputs, cts: true }), false);
  assert.equal(device.notify({ cts: true, dsr: true, dcd: true, ri: true }), true);
  assert.equal(device.inputs, TIOCM_CAR | TIOCM_DSR | TIOCM_RNG);
});

test('a request that it does not know is not answered, and changes nothing', () => {
  const { device, outputs } = plugIn();
  device.send(0x7f, 3);
  assert.equal(device.receive(0x7f, 7), undefined);
  assert.deepEqual(outputs, []);
});
