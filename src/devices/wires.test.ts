import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOf, textOf } from './bytes.js';
import { ManualClock } from './clock.js';
import { WaveformRecorder } from './waveform-recorder.js';
import { type Board, BYTE_TIME, type Inputs, type Outputs, RecordedWires } from './wires.js';

function solder() {
  const clock = new ManualClock();
  const recorder = new WaveformRecorder(clock, 'ttyS0');
  const received: string[] = [];
  const inputs: Inputs[] = [];
  const wires = new RecordedWires(clock, recorder, {
    received: (bytes) => received.push(`${textOf(bytes)} at ${Math.round(clock.now())}`),
    inputsChanged: (now) => inputs.push(now),
  });
  const outputs: Outputs[] = [];
  const board: Board = {
    name: 'probe',
    linesChanged: (lines) => outputs.push(lines),
    received: (bytes, began) => received.push(`board: ${textOf(bytes)} since ${began}`),
    counts: () => ({}),
  };
  wires.connect(board);
  return { clock, recorder, wires, received, inputs, outputs };
}

test('a board sees both outputs change at one instant, and nothing where none did', () => {
  const { wires, outputs } = solder();
  for (const both of [true, true, false]) wires.setOutputs({ dtr: both, rts: both });
  assert.deepEqual(outputs, [
    { dtr: true, rts: true },
    { dtr: false, rts: false },
  ]);
});

test('what a board sends comes when its last bit has passed, one thing behind the other', () => {
  const { clock, wires, received } = solder();
  wires.send(bytesOf('ab'));
  wires.send(bytesOf('c'));
  wires.send(new Uint8Array());
  clock.run(1_000_000);
  assert.deepEqual(received, [`ab at ${Math.round(2 * BYTE_TIME)}`, `c at ${Math.round(3 * BYTE_TIME)}`]);
});

test('a sender that is silenced sends nothing more, and begins anew', () => {
  const { clock, wires, received } = solder();
  wires.send(bytesOf('x'.repeat(1000)));
  wires.silence();
  wires.send(bytesOf('a'));
  clock.run(1_000_000);
  assert.deepEqual(received, [`a at ${Math.round(BYTE_TIME)}`]);
});

test('the port hears of inputs where one changed, all together', () => {
  const { wires, inputs } = solder();
  wires.setInputs({ cts: true, dcd: true });
  wires.setInputs({ cts: true });
  assert.deepEqual(inputs, [{ cts: true, dsr: false, dcd: true, ri: false }]);
});

test('bytes reach the board after the time of their bits', () => {
  const { clock, wires, received } = solder();
  clock.run(5);
  wires.transmit(bytesOf('hi'), 100, 10);
  assert.equal(clock.now(), 2005);
  assert.deepEqual(received, ['board: hi since 5']);
});

test('a pin of the board has had the level of its first call all along', () => {
  const { clock, wires, recorder } = solder();
  clock.run(10);
  wires.signal('EN', 1);
  wires.signal('EN', 0);
  const pin = recorder.snapshot().signals.find(({ name }) => name === 'EN');
  assert.deepEqual(pin, { name: 'EN', kind: 'other', initial: 1, edges: [10] });
});
