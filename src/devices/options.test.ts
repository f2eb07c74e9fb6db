import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { boardNames, parseSerialPort, SerialPortError, serialDrivers } from './options.js';

test('a port has a name, a driver and a board', () => {
  assert.deepEqual(parseSerialPort('ttyS0=8250,esp32'), { name: 'ttyS0', driver: '8250', board: 'esp32' });
});

test('a port without a board is connected to nothing', () => {
  assert.deepEqual(parseSerialPort('ttyACM1=cdc-acm'), { name: 'ttyACM1', driver: 'cdc-acm', board: 'none' });
});

test('a path makes it a port of the host', () => {
  const path = '/dev/serial/by-id/usb-Silicon_Labs_CP2102,x=1-port0';
  assert.deepEqual(parseSerialPort(`ttyUSB0=${path}`), { name: 'ttyUSB0', driver: 'host', path });
});

test('every driver goes with every board', () => {
  for (const driver of serialDrivers) {
    for (const board of boardNames) {
      assert.deepEqual(parseSerialPort(`ttyX0=${driver},${board}`), { name: 'ttyX0', driver, board });
    }
  }
});

const refused: readonly [text: string, message: string][] = [
  [
    'ttyS0=8251',
    'there is no driver "8251". There are 8250, cdc-acm, usb-serial, power-gated, wired-enable\n\n    ttyS0=8251\n          ^~~~',
  ],
  [
    'ttyS0=8250,esp8266',
    'there is no board "esp8266". There are none, loopback, esp32, arduino, rs485-bus, modem\n\n' +
      '    ttyS0=8250,esp8266\n               ^~~~~~~',
  ],
  [
    'ttyS0=8250,',
    'a board is missing. There are none, loopback, esp32, arduino, rs485-bus, modem\n\n    ttyS0=8250,\n               ^',
  ],
  [
    'ttyS0=',
    'a driver is missing. There are 8250, cdc-acm, usb-serial, power-gated, wired-enable\n\n    ttyS0=\n          ^',
  ],
  ['ttyS0', 'it does not say what ttyS0 is. Write ttyS0=DRIVER,BOARD, or ttyS0=/dev/PATH\n\n    ttyS0\n         ^'],
  ['=8250', 'the name of the port is missing. Write one such as ttyS0, ttyUSB0 or ttyACM0\n\n    =8250\n    ^'],
  [
    'tty0=8250',
    '"tty0" is no name of a serial port. Write one such as ttyS0, ttyUSB0 or ttyACM0\n\n    tty0=8250\n    ^~~~',
  ],
  [
    '/dev/ttyS0=8250',
    'the name of the port stands without "/dev/". Write one such as ttyS0, ttyUSB0 or ttyACM0\n\n' +
      '    /dev/ttyS0=8250\n    ^~~~~~~~~~',
  ],
  [
    'ttyS0=8250,esp32,fast',
    'a driver and a board are all that a port has\n\n    ttyS0=8250,esp32,fast\n                     ^~~~',
  ],
  [
    'ttyS0=/etc/passwd',
    '"/etc/passwd" is no device. Write its path below /dev, without "." and ".."\n\n' +
      '    ttyS0=/etc/passwd\n          ^~~~~~~~~~~',
  ],
  [
    'ttyS0=/dev/../etc',
    '"/dev/../etc" is no device. Write its path below /dev, without "." and ".."\n\n' +
      '    ttyS0=/dev/../etc\n          ^~~~~~~~~~~',
  ],
];

for (const [text, message] of refused) {
  test(`"${text}" is refused, and the word is shown`, () => {
    assert.throws(() => parseSerialPort(text), {
      name: 'SerialPortError',
      message: `Cannot add a serial port: ${message}`,
    });
  });
}

test('whatever is written is read or refused, and no control character gets into the sentence', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (name, value) => {
      try {
        parseSerialPort(`${name}=${value}`);
      } catch (error) {
        assert.ok(error instanceof SerialPortError);
        assert.doesNotMatch(error.message.replaceAll('\n', ''), /\p{Cc}/u);
      }
    }),
  );
});
