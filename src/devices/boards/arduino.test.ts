import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BoardBench } from '../testing/bench.js';
import { Arduino, BOOTLOADER_TIME, RESET_PULSE } from './arduino.js';
import { CRC_EOP, STK_GET_SYNC, STK_INSYNC, STK_LEAVE_PROGMODE, STK_OK, STK_READ_SIGN } from './optiboot.js';

const bench = () => new BoardBench((clock, wires) => new Arduino(clock, wires));

function inBootloader() {
  const desk = bench();
  desk.lines(true, false);
  desk.clock.run(RESET_PULSE);
  return desk;
}

test('DTR that becomes asserted pulls RESET low for a moment; the bootloader waits, and the sketch says ready', () => {
  const desk = bench();
  desk.lines(true, true);
  assert.equal(desk.board.mode, 'reset');
  desk.clock.run(RESET_PULSE);
  assert.equal(desk.board.mode, 'bootloader');
  desk.clock.run(BOOTLOADER_TIME + 10_000);
  assert.equal(desk.board.mode, 'sketch');
  assert.equal(desk.takeText(), 'ready\r\n');
  assert.deepEqual(desk.edgesOf('RESET'), [0, RESET_PULSE]);
  assert.deepEqual(desk.board.counts(), { resets: 1 });
});

test('a glitch of 3 us on DTR is a reset as any other: clearing it afterwards is too late', () => {
  const desk = bench();
  desk.lines(true, true);
  desk.clock.run(3);
  desk.lines(false, false);
  desk.clock.run(RESET_PULSE);
  assert.equal(desk.board.mode, 'bootloader');
  assert.deepEqual(desk.board.counts(), { resets: 1 });
});

test('it counts as many resets as DTR became asserted, for any sequence of lines', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.boolean(), fc.nat(3000))), (steps) => {
      const desk = bench();
      let before = false;
      let resets = 0;
      for (const [dtr, rts, wait] of steps) {
        if (dtr && !before) resets += 1;
        before = dtr;
        desk.lines(dtr, rts);
        desk.clock.run(wait);
      }
      assert.equal(desk.board.counts()['resets'], resets);
    }),
  );
});

test('the bootloader answers a programmer, and waits for its next word', () => {
  const desk = inBootloader();
  for (let count = 0; count < 3; count += 1) {
    desk.clock.run(BOOTLOADER_TIME - 10_000);
    desk.write(Uint8Array.of(STK_GET_SYNC, CRC_EOP));
    desk.clock.run(1_000);
    assert.deepEqual(desk.takeBytes(), [STK_INSYNC, STK_OK]);
  }
  desk.write(Uint8Array.of(STK_READ_SIGN, CRC_EOP));
  desk.clock.run(1_000);
  assert.deepEqual(desk.takeBytes(), [STK_INSYNC, 0x1e, 0x95, 0x0f, STK_OK]);
  desk.write(Uint8Array.of(0x42, ...new Uint8Array(20), CRC_EOP));
  desk.clock.run(1_000);
  assert.deepEqual(desk.takeBytes(), [STK_INSYNC, STK_OK]);
  desk.write(Uint8Array.of(STK_LEAVE_PROGMODE, CRC_EOP));
  assert.equal(desk.board.mode, 'sketch');
});

test('what is written right after the reset goes to the bootloader, which gives up: the sketch never sees it', () => {
  const desk = inBootloader();
  desk.write('hello\n');
  desk.clock.run(10_000);
  assert.equal(desk.board.mode, 'sketch');
  assert.doesNotMatch(desk.takeText(), /hello/);
});

test('the sketch repeats lines, and RTS does nothing', () => {
  const desk = bench();
  desk.lines(false, true);
  desk.write('hello\n');
  desk.clock.run(10_000);
  assert.equal(desk.takeText(), 'hello\r\n');
});

test('a power-on is no reset, and without power DTR is none', () => {
  const desk = bench();
  desk.board.powerChanged(false);
  desk.lines(true, true);
  desk.clock.run(1_000_000);
  assert.equal(desk.board.mode, 'reset');
  desk.board.powerChanged(true);
  desk.clock.run(RESET_PULSE);
  assert.equal(desk.board.mode, 'bootloader');
  assert.deepEqual(desk.board.counts(), { resets: 0 });
});
