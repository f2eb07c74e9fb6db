import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Esp32Rom, ROM_NO_COMMAND, ROM_READ_REG, ROM_SPI_ATTACH, ROM_SYNC, ROM_WRITE_REG } from './esp32-rom.js';
import { SlipReader, slipFrame } from './slip.js';

interface Answer {
  readonly command: number;
  readonly value: number;
  readonly status: readonly number[];
}

function loader() {
  const reader = new SlipReader();
  const answers: Answer[] = [];
  const rom = new Esp32Rom((bytes) => {
    for (const frame of reader.push(bytes)) {
      const view = new DataView(frame.buffer);
      assert.equal(view.getUint8(0), 1);
      assert.equal(view.getUint16(2, true), frame.length - 8);
      answers.push({ command: view.getUint8(1), value: view.getUint32(4, true), status: [...frame.subarray(8)] });
    }
  });
  const ask = (command: number, data: Uint8Array): Answer[] => {
    rom.received(slipFrame(Uint8Array.of(0, command, data.length & 0xff, data.length >> 8, 0, 0, 0, 0, ...data)));
    return answers.splice(0);
  };
  return { rom, answers, ask };
}

function words(...values: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

const sync = Uint8Array.from([7, 7, 0x12, 0x20, ...Array<number>(32).fill(0x55)]);

test('SYNC is answered eight times, with a value that says that no stub runs', () => {
  const answers = loader().ask(ROM_SYNC, sync);
  assert.equal(answers.length, 8);
  assert.ok(answers.every(({ value, status }) => value !== 0 && status.every((byte) => byte === 0)));
});

test('the registers say that it is an ESP32, and whose', () => {
  const { ask } = loader();
  const read = (address: number) => ask(ROM_READ_REG, words(address))[0]?.value;
  assert.equal(read(0x40001000), 0x00f01d83);
  assert.equal(read(0x3ff5a004), 0x73703332);
  assert.equal(read(0x3ff5a008), 0x0265);
});

test('a register keeps what is written to the bits of the mask', () => {
  const { ask } = loader();
  ask(ROM_WRITE_REG, words(0x3ff00000, 0xffff_ffff, 0xffff_ffff, 0));
  ask(ROM_WRITE_REG, words(0x3ff00000, 0, 0x0000_ff00, 0));
  assert.equal(ask(ROM_READ_REG, words(0x3ff00000))[0]?.value, 0xffff_00ff);
});

test('attaching the flash succeeds, and a command to it is done at once', () => {
  const { ask } = loader();
  assert.deepEqual(ask(ROM_SPI_ATTACH, words(0, 0))[0]?.status, [0, 0, 0, 0]);
  ask(ROM_WRITE_REG, words(0x3ff42000, 1 << 18, 0xffff_ffff, 0));
  assert.equal(ask(ROM_READ_REG, words(0x3ff42000))[0]?.value, 0);
});

test('a command with data that it cannot read is refused', () => {
  const { ask } = loader();
  for (const [command, data] of [
    [ROM_READ_REG, Uint8Array.of(1)],
    [ROM_WRITE_REG, words(1, 2, 3)],
  ] as const) {
    assert.deepEqual(ask(command, data), [{ command, value: 0, status: [1, 5, 0, 0] }]);
  }
});

test('a command that it does not have is refused by an answer to none', () => {
  const GET_SECURITY_INFO = 0x14;
  assert.deepEqual(loader().ask(GET_SECURITY_INFO, new Uint8Array()), [
    { command: ROM_NO_COMMAND, value: 0, status: [1, 5, 0, 0] },
  ]);
});

test('what is no request gets no answer', () => {
  const { rom, answers } = loader();
  const wrongDirection = Uint8Array.of(1, ROM_SYNC, 0, 0, 0, 0, 0, 0);
  const wrongLength = Uint8Array.of(0, ROM_SYNC, 9, 0, 0, 0, 0, 0);
  for (const bytes of [Uint8Array.of(1, 2, 3), wrongDirection, wrongLength]) rom.received(slipFrame(bytes));
  rom.received(Uint8Array.of(1, 2, 3));
  assert.deepEqual(answers, []);
});
