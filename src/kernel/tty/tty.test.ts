import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { TIOCM_CAR, TIOCM_DTR, TIOCM_RTS } from '../../uapi/tty.js';
import { refused } from '../testing/expect.js';
import { framing } from './termios.js';
import { TtyBench } from './testing/tty-bench.js';

const BOTH = TIOCM_DTR | TIOCM_RTS;

function found(port = 'ttyS0=8250'): TtyBench {
  const bench = new TtyBench(port);
  bench.tty.configure();
  bench.edges.take();
  return bench;
}

/** A port whose blocking opens wait: nobody has it open. */
function withoutCarrier(words = '-CLOCAL'): TtyBench {
  const bench = found();
  bench.open();
  bench.stty(words);
  bench.close();
  bench.edges.take();
  return bench;
}

test('an open that waits for carrier is one that holds the port: given up, it lets the lines fall', () => {
  const bench = withoutCarrier();
  equal(bench.open({ nonblock: false }), false);
  equal(bench.edges.take(), '+OUT2 +DTR+RTS');
  bench.tty.giveUp();
  equal(bench.edges.take(), '-DTR-RTS -OUT2');
  equal(bench.tty.isOpen, false);
});

test('an open that waits at B0 raises nothing', () => {
  const bench = withoutCarrier('-CLOCAL B0');
  equal(bench.open({ nonblock: false }), false);
  bench.tty.giveUp();
  equal(bench.edges.take(), '+OUT2 -OUT2');
});

test('one of two opens that wait is given up, and no line moves', () => {
  const bench = withoutCarrier();
  bench.open({ nonblock: false });
  bench.open({ nonblock: false });
  bench.edges.take();
  bench.tty.giveUp();
  equal(bench.edges.take(), '');
  equal(bench.tty.isOpen, true);
});

test('a non-blocking open beside one that waits works at once; the last close starts the port anew for who waits', () => {
  const bench = withoutCarrier();
  bench.open({ nonblock: false });
  equal(bench.open({ nonblock: true }), true);
  bench.edges.take();
  bench.close();
  equal(bench.edges.take(), '-DTR-RTS -OUT2');
  // It is closed for everybody: who waits opens it again.
  equal(bench.tty.isOpen, false);
  equal(bench.open({ nonblock: false }), false);
  equal(bench.edges.take(), '+OUT2 +DTR+RTS');
});

test('an open that waits is over when carrier comes, and no line moves for it', () => {
  const bench = withoutCarrier();
  bench.open({ nonblock: false });
  bench.edges.take();
  equal(bench.tty.hasCarrier, false);
  bench.setInputs({ dcd: true });
  equal(bench.tty.hasCarrier, true);
  equal(bench.edges.take(), '');
});

test('a hang-up has closed the port for who waits, too: giving up afterwards closes nothing more', () => {
  const bench = withoutCarrier();
  bench.open({ nonblock: false });
  bench.hangUp();
  bench.edges.take();
  bench.tty.giveUp();
  equal(bench.edges.take(), '');
  bench.open();
  equal(bench.edges.take(), '+OUT2 +DTR+RTS');
  equal(bench.tty.isOpen, true);
});

for (const port of ['ttyACM0=cdc-acm', 'ttyUSB0=usb-serial']) {
  test(`${port}: a blocking open never waits for carrier`, () => {
    const bench = found(port);
    bench.open();
    bench.stty('-CLOCAL');
    bench.close();
    equal(bench.open({ nonblock: false }), true);
  });

  test(`${port}: a port that is unplugged is ENODEV, and its successor knows nothing of it`, () => {
    const bench = found(port);
    bench.open();
    bench.stty('B115200 -HUPCL');
    bench.ioctl('TIOCEXCL');
    bench.unplug();
    refused('ENODEV', () => bench.open());
    refused('ENODEV', () => bench.open({ keep: true }));
    bench.edges.take();
    bench.plug();
    equal(bench.edges.take(), '');
    equal(bench.open({ privileged: false }), true);
    equal(bench.termios.outputSpeed, 9600);
  });
}

for (const port of ['ttyS0=8250', 'ttyACM0=cdc-acm', 'ttyUSB0=usb-serial', 'ttyS0=power-gated', 'ttyS0=wired-enable']) {
  test(`${port}: loss of carrier hangs up where carrier counts, and a loss before the open does not`, () => {
    const bench = found(port);
    bench.setInputs({ dcd: true });
    bench.open();
    bench.setInputs({ dcd: false });
    equal(bench.files, 1);
    bench.setInputs({ dcd: true });
    bench.stty('-CLOCAL');
    bench.close();
    bench.setInputs({ dcd: false });
    bench.open();
    bench.setInputs({ dcd: true });
    equal(bench.files, 1);
    bench.setInputs({ dcd: false });
    equal(bench.files, 0);
    equal(bench.tty.isOpen, false);
    deepEqual(bench.lines, { dtr: false, rts: false });
  });
}

test('settings outlive the last close, exclusive use does not', () => {
  const bench = found();
  bench.open();
  bench.stty('B115200 CS7');
  bench.ioctl('TIOCEXCL');
  const { termios } = bench;
  bench.close();
  bench.open();
  deepEqual(bench.termios, termios);
  equal(bench.tty.isExclusive, false);
});

test('bytes that come while nobody has the port open are not taken', () => {
  const bench = found();
  equal(bench.tty.receive(new Uint8Array(3)), false);
  bench.open();
  equal(bench.tty.receive(new Uint8Array(3)), true);
  equal(bench.tty.counters.received, 3);
});

test('with CRTSCTS nothing is sent while CTS is low, and the rest goes when it rises', () => {
  const bench = found();
  bench.open();
  bench.stty('CRTSCTS');
  bench.write(5);
  equal(bench.takeSent(), 0);
  bench.setInputs({ cts: true });
  equal(bench.takeSent(), 5);
  equal(bench.tty.counters.sent, 5);
});

test('8250: changes of inputs count while somebody may ask for them: not with CLOCAL and without CRTSCTS', () => {
  const bench = found();
  const dsrs = () => {
    bench.setInputs({ dsr: true });
    bench.setInputs({ dsr: false });
    return bench.tty.counters.dsr;
  };
  bench.open();
  equal(dsrs(), 0);
  bench.stty('CRTSCTS');
  equal(dsrs(), 2);
  bench.stty('-CRTSCTS');
  equal(dsrs(), 2);
  bench.setInputs({ dcd: true });
  bench.stty('-CLOCAL');
  equal(dsrs(), 4);
  bench.stty('CLOCAL');
  // A program that waits is somebody, and from then on until the last close.
  bench.ioctl('TIOCMIWAIT', TIOCM_CAR);
  equal(dsrs(), 6);
});

test('of the ring indicator, the end counts; of the other inputs, both edges', () => {
  const bench = found('ttyACM0=cdc-acm');
  bench.open();
  for (const on of [true, false, true]) bench.setInputs({ ri: on, dsr: on, dcd: on });
  const { ring, dsr, carrier, cts } = bench.tty.counters;
  deepEqual({ ring, dsr, carrier, cts }, { ring: 1, dsr: 3, carrier: 3, cts: 0 });
});

test('a byte takes its start bit, its data, parity and stop bits', () => {
  const bench = found();
  bench.open();
  const byteTime = () => {
    const { bitTime, bits } = framing(bench.tty.termios);
    return bitTime * bits;
  };
  equal(Math.round(byteTime()), 1042);
  bench.stty('CS7 PARENB CSTOPB B19200');
  equal(Math.round(byteTime()), 573);
});

test('B0 is left with both lines on a 16550, with DTR alone on a cdc-acm device', () => {
  const lines = (port: string) => {
    const bench = found(port);
    bench.open();
    bench.ioctlInt('TIOCMBIC', TIOCM_RTS);
    bench.stty('B0');
    bench.stty('B9600');
    return bench.ioctlInt('TIOCMGET') & BOTH;
  };
  equal(lines('ttyS0=8250'), BOTH);
  equal(lines('ttyUSB0=usb-serial'), BOTH);
  equal(lines('ttyACM0=cdc-acm'), TIOCM_DTR);
});
