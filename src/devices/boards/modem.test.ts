import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BoardBench } from '../testing/bench.js';
import { DIAL_TIME, GUARD_TIME, Modem, RING_OFF, RING_ON } from './modem.js';

const bench = () => new BoardBench((clock, wires) => new Modem(clock, wires));
type Bench = ReturnType<typeof bench>;

function online(): Bench {
  const desk = bench();
  desk.lines(true, true);
  ask(desk, 'ATE0\r');
  assert.equal(ask(desk, 'ATDT123\r', DIAL_TIME + 100_000), '\r\nCONNECT 9600\r\n');
  return desk;
}

test('AT is answered, with an echo until ATE0', () => {
  const desk = bench();
  assert.equal(ask(desk, 'AT\r'), 'AT\r\r\nOK\r\n');
  ask(desk, 'ATE0\r');
  assert.equal(ask(desk, 'at\r'), '\r\nOK\r\n');
});

test('a command that it does not know is an error', () => {
  const desk = bench();
  ask(desk, 'ATE0\r');
  for (const command of ['ATX\r', 'hello\r', 'ATO\r', 'ATA\r', 'ATDT\r']) {
    assert.equal(ask(desk, command), '\r\nERROR\r\n');
  }
});

test('it is ready from the beginning: CTS and DSR, but no carrier', () => {
  assert.deepEqual(bench().inputs, { cts: true, dsr: true, dcd: false, ri: false });
});

test('a call raises DCD, and the other side sends back what it gets', () => {
  const desk = online();
  assert.equal(desk.inputs.dcd, true);
  assert.equal(ask(desk, 'hello'), 'hello');
});

test('DTR that falls hangs up, and DCD falls', () => {
  const desk = online();
  desk.lines(false, true);
  assert.equal(desk.inputs.dcd, false);
  assert.deepEqual(desk.board.counts(), { calls: 1, hangups: 1 });
  desk.clock.run(100_000);
  assert.match(desk.takeText(), /NO CARRIER/);
  assert.equal(ask(desk, 'AT\r'), '\r\nOK\r\n');
});

test('a glitch of 3 us on DTR is enough to lose the connection', () => {
  const desk = online();
  desk.lines(false, true);
  desk.clock.run(3);
  desk.lines(true, true);
  assert.equal(desk.board.counts()['hangups'], 1);
});

test('DTR that falls without a connection does nothing', () => {
  const desk = bench();
  desk.lines(true, true);
  desk.lines(false, false);
  assert.deepEqual([desk.notes, desk.board.counts()['hangups']], [[], 0]);
});

test('+++ATH hangs up', () => {
  const desk = online();
  assert.match(ask(desk, '+++ATH\r'), /OK\r\n$/);
  assert.equal(desk.inputs.dcd, false);
});

test('+++ and silence leads to commands, ATO leads back, and the connection stays', () => {
  const desk = online();
  assert.match(ask(desk, '+++', GUARD_TIME + 100_000), /OK\r\n$/);
  assert.equal(desk.board.mode, 'command');
  assert.equal(desk.inputs.dcd, true);
  assert.equal(ask(desk, 'ATDT1\r'), '\r\nERROR\r\n');
  assert.match(ask(desk, 'ATO\r'), /CONNECT/);
  assert.deepEqual(desk.board.counts(), { calls: 1, hangups: 0 });
});

test('+++ in what is sent is nothing special', () => {
  const desk = online();
  assert.equal(ask(desk, 'a+++b', GUARD_TIME * 2), 'a+++b');
  assert.equal(desk.board.mode, 'online');
});

test('a key ends dialling', () => {
  const desk = bench();
  ask(desk, 'ATE0\r');
  ask(desk, 'ATDT123\r');
  assert.equal(ask(desk, 'x', DIAL_TIME * 2), '\r\nNO CARRIER\r\n');
  assert.deepEqual(desk.board.counts(), { calls: 0, hangups: 0 });
});

test('it rings on demand, with RI, and ATA answers', () => {
  const desk = bench();
  desk.board.ring(3);
  assert.equal(desk.inputs.ri, true);
  desk.clock.run(RING_ON);
  assert.equal(desk.inputs.ri, false);
  desk.clock.run(RING_OFF + 100_000);
  assert.equal(desk.takeText(), '\r\nRING\r\n\r\nRING\r\n');
  assert.match(ask(desk, 'ATA\r'), /CONNECT/);
  assert.deepEqual(desk.inputs, { cts: true, dsr: true, dcd: true, ri: false });
});

test('it stops ringing by itself', () => {
  const desk = bench();
  desk.board.ring(2);
  desk.clock.run(10 * (RING_ON + RING_OFF));
  assert.equal(desk.edgesOf('RI').length, 4);
  assert.match(ask(desk, 'ATA\r'), /ERROR/);
});

test('without power it has no line up', () => {
  const desk = online();
  desk.board.powerChanged(false);
  assert.deepEqual(desk.inputs, { cts: false, dsr: false, dcd: false, ri: false });
  desk.board.powerChanged(true);
  assert.deepEqual(desk.inputs, { cts: true, dsr: true, dcd: false, ri: false });
});

function ask(desk: Bench, text: string, wait = 100_000): string {
  desk.takeText();
  desk.write(text);
  desk.clock.run(wait);
  return desk.takeText();
}
