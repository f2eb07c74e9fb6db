import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BoardBench } from '../testing/bench.js';
import { levelAt } from '../waveform.js';
import { EN_RISE_TIME, ESP32_BOOT_TIME, ESP32_HEARTBEAT, Esp32 } from './esp32.js';
import { ROM_SYNC } from './esp32-rom.js';
import { slipFrame } from './slip.js';

const bench = () => new BoardBench((clock, wires) => new Esp32(clock, wires));

function settle({ clock }: { clock: { run(microseconds: number): void } }): void {
  clock.run(EN_RISE_TIME);
}

test('it is running when the wires are made, beats once a second and repeats lines', () => {
  const desk = bench();
  desk.write('hel');
  desk.write('lo\r\n');
  desk.clock.run(ESP32_HEARTBEAT + 100_000);
  assert.equal(desk.takeText(), 'app: hello\r\napp: alive for 1 s\r\n');
  assert.deepEqual(desk.board.counts(), { resets: 0, downloads: 0 });
});

test('DTR and RTS asserted and cleared together do nothing, however short', () => {
  for (const length of [0, 3, 1_000_000]) {
    const desk = bench();
    desk.lines(true, true);
    desk.clock.run(length);
    desk.lines(false, false);
    settle(desk);
    assert.equal(desk.board.counts()['resets'], 0);
    assert.deepEqual([desk.edgesOf('EN'), desk.edgesOf('GPIO0')], [[], []]);
  }
});

test('DTR cleared before RTS is a reset, and be it for 3 us: what a program does that clears them one by one', () => {
  const desk = bench();
  desk.lines(true, true);
  desk.clock.run(500);
  desk.lines(false, true);
  desk.clock.run(3);
  desk.lines(false, false);
  assert.deepEqual(desk.board.counts(), { resets: 1, downloads: 0 });
  assert.deepEqual(desk.edgesOf('EN'), [500]);
  desk.clock.run(EN_RISE_TIME + ESP32_BOOT_TIME + 100_000);
  assert.equal(desk.edgesOf('EN').length, 2);
  assert.match(desk.takeText(), /SPI_FAST_FLASH_BOOT.*app: ready\r\n$/s);
});

test('RTS cleared before DTR is no reset', () => {
  const desk = bench();
  desk.lines(true, true);
  desk.lines(true, false);
  desk.clock.run(100);
  desk.lines(false, false);
  settle(desk);
  assert.equal(desk.board.counts()['resets'], 0);
  assert.equal(desk.edgesOf('GPIO0').length, 2);
});

test('EN is pulled low exactly while RTS is asserted and DTR is not, for any sequence of both', () => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.boolean()), { maxLength: 12 });
  fc.assert(
    fc.property(steps, (sequence) => {
      const desk = bench();
      let resets = 0;
      let wasHeld = false;
      for (const [dtr, rts] of sequence) {
        desk.lines(dtr, rts);
        const isHeld = rts && !dtr;
        if (isHeld && !wasHeld) resets += 1;
        wasHeld = isHeld;
        settle(desk);
        const level = (name: string) =>
          levelAt(desk.waveform.signals.find((signal) => signal.name === name)!, desk.clock.now());
        assert.equal(level('EN'), isHeld ? 0 : 1);
        assert.equal(level('GPIO0'), dtr && !rts ? 0 : 1);
      }
      assert.equal(desk.board.counts()['resets'], resets);
    }),
  );
});

test('EN rises as slowly as its capacitor wants, and pulled low again before it is the same reset', () => {
  const desk = bench();
  desk.lines(false, true);
  desk.lines(false, false);
  desk.clock.run(EN_RISE_TIME - 1);
  desk.lines(false, true);
  desk.clock.run(5);
  desk.lines(false, false);
  desk.clock.run(EN_RISE_TIME - 1);
  assert.equal(desk.board.mode, 'reset');
  assert.deepEqual(desk.edgesOf('EN'), [0]);
  desk.clock.run(1);
  assert.equal(desk.edgesOf('EN').length, 2);
  assert.equal(desk.board.counts()['resets'], 1);
});

test('GPIO0 low when EN rises means download, also where the lines are not changed at one instant', () => {
  const desk = bench();
  desk.lines(false, true);
  desk.clock.run(100_000);
  desk.lines(true, true);
  desk.clock.run(1_000);
  desk.lines(true, false);
  desk.clock.run(50_000);
  desk.lines(false, false);
  assert.equal(desk.board.mode, 'download');
  assert.deepEqual(desk.board.counts(), { resets: 1, downloads: 1 });
  assert.match(desk.takeText(), /waiting for download\r\n$/);
});

test('the loader answers SYNC, and a reset leads back to the application', () => {
  const desk = bench();
  desk.lines(false, true);
  desk.lines(true, false);
  desk.clock.run(50_000);
  desk.takeText();
  desk.write(slipFrame(Uint8Array.of(0, ROM_SYNC, 4, 0, 0, 0, 0, 0, 7, 7, 0x12, 0x20)));
  desk.clock.run(50_000);
  assert.deepEqual(desk.takeBytes().slice(0, 3), [0xc0, 1, ROM_SYNC]);
  desk.lines(false, true);
  desk.lines(false, false);
  desk.clock.run(EN_RISE_TIME + ESP32_BOOT_TIME);
  assert.equal(desk.board.mode, 'application');
});

test('a chip in reset says nothing more, and hears nothing', () => {
  const desk = bench();
  desk.write('a line\n');
  desk.lines(false, true);
  desk.write('another\n');
  desk.clock.run(5_000_000);
  assert.equal(desk.takeText(), '');
});

test('a power-on is no reset, and lines that are moved without power do nothing', () => {
  const desk = bench();
  desk.board.powerChanged(false);
  desk.lines(false, true);
  desk.lines(false, false);
  desk.board.powerChanged(true);
  settle(desk);
  assert.equal(desk.board.counts()['resets'], 0);
  desk.clock.run(ESP32_BOOT_TIME);
  assert.equal(desk.board.mode, 'application');
  assert.deepEqual(desk.notes.slice(0, 2), ['ESP32: power off', 'ESP32: power on']);
});

test('power that comes while RTS is asserted leaves it in reset', () => {
  const desk = bench();
  desk.board.powerChanged(false);
  desk.lines(false, true);
  desk.board.powerChanged(true);
  desk.clock.run(1_000_000);
  assert.equal(desk.board.mode, 'reset');
  desk.lines(false, false);
  desk.clock.run(EN_RISE_TIME + ESP32_BOOT_TIME);
  assert.equal(desk.board.mode, 'application');
});
