import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BIT_TIME, BoardBench } from '../testing/bench.js';
import { FRAME_INTERVAL, Rs485Bus } from './rs485-bus.js';

const bench = () => new BoardBench((clock, wires) => new Rs485Bus(clock, wires));

test('a frame of the other talker comes every 10 ms', () => {
  const desk = bench();
  desk.clock.run(3 * FRAME_INTERVAL + 5_000);
  assert.equal(desk.takeText(), 'tick\r\n'.repeat(3));
  assert.deepEqual(desk.board.counts(), { frames: 3, corrupted: 0, answered: 0, unheard: 0 });
});

test('RTS that stays asserted spoils every frame, and is noted at its beginning and its end', () => {
  const desk = bench();
  desk.lines(true, true);
  desk.clock.run(5 * FRAME_INTERVAL + 5_000);
  desk.lines(true, false);
  assert.equal(desk.takeText(), '');
  assert.equal(desk.board.counts()['corrupted'], 5);
  assert.equal(desk.notes.length, 2);
  assert.match(desk.notes[1] ?? '', /5 frames corrupted/);
});

test('a glitch of 3 us on RTS spoils the frame that it meets, and none that it does not', () => {
  const desk = bench();
  const glitch = () => {
    desk.lines(false, true);
    desk.clock.run(3);
    desk.lines(false, false);
  };
  glitch();
  desk.clock.run(FRAME_INTERVAL);
  glitch();
  desk.clock.run(5_000);
  assert.deepEqual(desk.board.counts(), { frames: 1, corrupted: 1, answered: 0, unheard: 0 });
  assert.equal(desk.takeText(), '');
});

test('what is sent alone, with the driver enabled around it, is answered', () => {
  const desk = bench();
  desk.lines(false, true);
  desk.write('hello');
  desk.lines(false, false);
  desk.clock.run(5_000);
  assert.equal(desk.takeText(), 'peer: got 5 bytes\r\n');
  assert.equal(desk.board.counts()['answered'], 1);
  assert.deepEqual(desk.edgesOf('DE'), desk.edgesOf('RTS'));
});

test('the others wait while somebody sends, however slowly', () => {
  const desk = bench();
  desk.lines(false, true);
  desk.wires.transmit(new Uint8Array(20), 1_000_000 / 9_600, 10);
  desk.lines(false, false);
  desk.clock.run(9_000);
  assert.equal(desk.board.counts()['answered'], 1);
  assert.equal(desk.board.counts()['corrupted'], 0);
  assert.match(desk.takeText(), /peer: got 20 bytes/);
});

test('without the driver nothing reaches the bus', () => {
  const desk = bench();
  desk.write('hello');
  desk.clock.run(5_000);
  assert.equal(desk.takeText(), '');
  assert.deepEqual(desk.board.counts(), { frames: 0, corrupted: 0, answered: 0, unheard: 1 });
  assert.match(desk.notes[0] ?? '', /the driver was not enabled/);
});

test('a driver that is off before the last bit does not bring the bytes over', () => {
  const desk = bench();
  desk.lines(false, true);
  desk.clock.after(10 * BIT_TIME, () => desk.lines(false, false));
  desk.write('hello');
  assert.equal(desk.board.counts()['unheard'], 1);
});

test('what is sent into a frame is understood by nobody', () => {
  const desk = bench();
  desk.clock.run(FRAME_INTERVAL + 10);
  desk.lines(false, true);
  desk.write('hello');
  desk.lines(false, false);
  desk.clock.run(5_000);
  assert.deepEqual(desk.board.counts(), { frames: 1, corrupted: 1, answered: 0, unheard: 1 });
  assert.equal(desk.takeText(), '');
});

test('an answer meets a driver that stays enabled, and is spoiled', () => {
  const desk = bench();
  desk.lines(false, true);
  desk.write('hello');
  desk.clock.run(5_000);
  assert.equal(desk.board.counts()['corrupted'], 1);
  assert.equal(desk.takeText(), '');
});

test('a talker that waits for the bus has one frame to send, however long it waits', () => {
  const desk = bench();
  desk.lines(false, true);
  desk.wires.transmit(new Uint8Array(1000), 1_000_000 / 1_200, 10);
  desk.lines(false, false);
  desk.clock.run(9_000);
  const { frames } = desk.board.counts();
  assert.ok(frames !== undefined && frames <= 3, `${frames} frames`);
});
