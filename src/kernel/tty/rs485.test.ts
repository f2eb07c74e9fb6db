/** RS-485: RTS is the driver's, and drives the bus for as long as it sends. */
import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { levelAt, type SignalTrace } from '../../devices/waveform.js';
import {
  decodeSerialRs485,
  encodeSerialRs485,
  SER_RS485_ENABLED,
  SER_RS485_RTS_AFTER_SEND,
  SER_RS485_RTS_ON_SEND,
  type SerialRs485,
} from '../../uapi/serial.js';
import { TIOCM_DTR, TIOCM_RTS } from '../../uapi/tty.js';
import { refused } from '../testing/expect.js';
import { NO_RS485 } from './driver.js';
import { LONGEST_RTS_DELAY, possibleRs485 } from './rs485.js';
import { TtyBench } from './testing/tty-bench.js';

const onSend: SerialRs485 = {
  flags: SER_RS485_ENABLED | SER_RS485_RTS_ON_SEND,
  delayBeforeSend: 0,
  delayAfterSend: 0,
};

/** Ten bits at 9600 a second, in microseconds. */
const BYTE = (10 * 1e6) / 9600;

function set(bench: TtyBench, rs485: SerialRs485): SerialRs485 {
  const bytes = encodeSerialRs485(rs485);
  bench.ioctl('TIOCSRS485', bytes);
  return decodeSerialRs485(bytes);
}

function get(bench: TtyBench): SerialRs485 {
  const bytes = encodeSerialRs485(NO_RS485);
  bench.ioctl('TIOCGRS485', bytes);
  return decodeSerialRs485(bytes);
}

function withTransceiver(): TtyBench {
  const bench = new TtyBench('ttyS0=8250,rs485-bus');
  bench.tty.configure();
  bench.open({ keep: true });
  return bench;
}

function rts(bench: TtyBench): SignalTrace {
  const found = bench.waveform.signals.find(({ name }) => name === 'RTS');
  if (found === undefined) throw new TypeError('the waveform has no RTS');
  return found;
}

test('RTS rises before the first bit and falls after the last, by the delays that were set', () => {
  const bench = withTransceiver();
  set(bench, { ...onSend, delayBeforeSend: 2, delayAfterSend: 3 });
  const start = bench.clock.now();
  bench.write(4);
  const [rise = 0, fall = 0, ...more] = rts(bench).edges;
  deepEqual(more, []);
  const [burst] = bench.waveform.bursts.filter(({ line }) => line === 'TXD');
  equal(rise, start);
  equal(burst?.start, start + 2000);
  equal(Math.round(fall - start), Math.round(2000 + 4 * BYTE + 3000));
  equal(burst?.bytes, 4);
  equal(bench.board.counts()['unheard'], 0);
});

test('a transceiver that is enabled by a low RTS has it up while nothing is sent', () => {
  const bench = withTransceiver();
  set(bench, { ...onSend, flags: SER_RS485_ENABLED | SER_RS485_RTS_AFTER_SEND });
  const idle = bench.clock.now();
  equal(levelAt(rts(bench), idle), 1);
  bench.clock.advance(100);
  bench.write(1);
  deepEqual(
    rts(bench).edges.map((edge) => Math.round(edge - idle)),
    [0, 100, Math.round(100 + BYTE)],
  );
});

test('what was set is told, with what the port made of it', () => {
  const bench = withTransceiver();
  deepEqual(get(bench), NO_RS485);
  const made = set(bench, { flags: SER_RS485_ENABLED | (1 << 30), delayBeforeSend: 5, delayAfterSend: 70_000 });
  deepEqual(made, { ...onSend, delayBeforeSend: 5, delayAfterSend: LONGEST_RTS_DELAY });
  deepEqual(get(bench), made);
  deepEqual(set(bench, { ...made, flags: 0 }), NO_RS485);
});

test('where RTS would be the same at all times, it is asserted while the port sends', () => {
  const both = SER_RS485_RTS_ON_SEND | SER_RS485_RTS_AFTER_SEND;
  deepEqual(possibleRs485({ ...onSend, flags: SER_RS485_ENABLED }), onSend);
  deepEqual(possibleRs485({ ...onSend, flags: SER_RS485_ENABLED | both }), onSend);
});

test('programs and opens move DTR, and RTS stays the driver’s', () => {
  const bench = withTransceiver();
  set(bench, onSend);
  bench.open();
  deepEqual(bench.lines, { dtr: true, rts: false });
  bench.ioctlInt('TIOCMBIS', TIOCM_RTS);
  deepEqual(bench.lines, { dtr: true, rts: false });
  bench.ioctlInt('TIOCMBIC', TIOCM_DTR | TIOCM_RTS);
  deepEqual(bench.lines, { dtr: false, rts: false });
});

test('an open that raises RTS before the port is set up drives the bus, and spoils what others send; one that keeps does not', () => {
  for (const keep of [false, true]) {
    const bench = new TtyBench('ttyS0=8250,rs485-bus');
    bench.tty.configure();
    bench.open({ keep });
    // Some frames of the others pass until the program has set RS-485 up.
    bench.clock.advance(50_000);
    set(bench, onSend);
    equal((bench.board.counts()['corrupted'] ?? 0) > 0, !keep);
  }
});

for (const port of ['ttyS0=8250', 'ttyS0=power-gated', 'ttyS0=wired-enable', 'ttyACM0=cdc-acm', 'ttyUSB0=usb-serial']) {
  test(`${port}: without a transceiver, TIOCSRS485 is ENOTTY, and nothing has changed`, () => {
    const bench = new TtyBench(port);
    bench.tty.configure();
    bench.open();
    bench.edges.take();
    const { message } = refused('ENOTTY', () => set(bench, onSend));
    match(message, /it has no transceiver that its driver knows of/);
    equal(bench.edges.take(), '');
    // Drivers of USB devices do not know the word (measured).
    if (port.includes('cdc') || port.includes('usb')) refused('ENOTTY', () => get(bench));
    else deepEqual(get(bench), NO_RS485);
  });
}
