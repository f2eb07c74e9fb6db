/** O_NRESETDEV: an open that touches neither the lines nor the settings. */
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { TIOCM_DTR, TIOCM_RTS } from '../../uapi/tty.js';
import { refused } from '../testing/expect.js';
import { TtyBench } from './testing/tty-bench.js';

const BOTH = TIOCM_DTR | TIOCM_RTS;
/** Ports whose drivers can keep. */
const keepable = ['ttyS0=8250', 'ttyACM0=cdc-acm', 'ttyUSB0=usb-serial', 'ttyS1=power-gated'];

function found(port: string): TtyBench {
  const bench = new TtyBench(port);
  bench.tty.configure();
  bench.edges.take();
  return bench;
}

/** The lines that were moved; OUT2 of a 16550 leads to no connector. */
function moved(bench: TtyBench): string[] {
  return bench.edges
    .take()
    .split(' ')
    .filter((edge) => /DTR|RTS|BREAK/.test(edge));
}

/** Opened, set up and closed by some program before. */
const states: Readonly<Record<string, (bench: TtyBench) => void>> = {
  'was never open': () => {},
  'was closed with HUPCL': (bench) => {
    bench.open();
    bench.close();
  },
  'was closed with -HUPCL and both lines up': (bench) => {
    bench.open();
    bench.stty('B115200 -HUPCL');
    bench.close();
  },
  'was closed with -HUPCL and DTR alone up': (bench) => {
    bench.open();
    bench.stty('-HUPCL');
    bench.ioctlInt('TIOCMBIC', TIOCM_RTS);
    bench.close();
  },
  'was closed with -HUPCL and RTS alone up': (bench) => {
    bench.open();
    bench.stty('-HUPCL CRTSCTS CS7');
    bench.ioctlInt('TIOCMBIC', TIOCM_DTR);
    bench.close();
  },
  'was closed with -HUPCL and both lines low': (bench) => {
    bench.open();
    bench.stty('-HUPCL');
    bench.ioctlInt('TIOCMSET', 0);
    bench.close();
  },
  'was closed at B0': (bench) => {
    bench.open();
    bench.stty('B0');
    bench.close();
  },
  'was closed at B0 with -HUPCL': (bench) => {
    bench.open();
    bench.stty('B0 -HUPCL');
    bench.close();
  },
  'was hung up': (bench) => {
    bench.open();
    bench.stty('-CLOCAL');
    bench.hangUp();
  },
};

for (const port of keepable) {
  for (const [state, arrange] of Object.entries(states)) {
    test(`${port} that ${state}: an open that keeps moves no line, and neither does its close`, () => {
      const bench = found(port);
      arrange(bench);
      const { lines } = bench;
      const { termios } = bench;
      bench.edges.take();
      bench.open({ keep: true });
      deepEqual(moved(bench), []);
      deepEqual(bench.lines, lines);
      deepEqual(bench.termios, termios);
      const told = bench.ioctlInt('TIOCMGET') & BOTH;
      equal(told, (lines.dtr ? TIOCM_DTR : 0) | (lines.rts ? TIOCM_RTS : 0));
      bench.close();
      deepEqual(moved(bench), []);
      deepEqual(bench.termios, termios);
    });
  }

  test(`${port}: a second open that keeps raises nothing that the first one has cleared; one that does not keep, does`, () => {
    const bench = found(port);
    bench.open();
    bench.ioctlInt('TIOCMSET', 0);
    moved(bench);
    bench.open({ keep: true });
    deepEqual(moved(bench), []);
    bench.open();
    deepEqual(moved(bench), ['+DTR+RTS']);
    bench.open({ keep: true });
    deepEqual(moved(bench), []);
  });

  test(`${port}: exclusive use keeps out an open that keeps, too: EBUSY, and nothing has changed`, () => {
    const bench = found(port);
    bench.open({ keep: true });
    bench.ioctl('TIOCEXCL');
    refused('EBUSY', () => bench.open({ keep: true, privileged: false }));
    deepEqual(moved(bench), []);
    equal(bench.open({ keep: true, privileged: true }), true);
    bench.close();
    bench.close();
    equal(bench.open({ keep: true, privileged: false }), true);
  });

  test(`${port}: lines that were raised after an open that keeps fall at the last close with HUPCL`, () => {
    const bench = found(port);
    bench.open({ keep: true });
    bench.ioctlInt('TIOCMBIS', BOTH);
    deepEqual(moved(bench), ['+DTR+RTS']);
    bench.close();
    deepEqual(bench.lines, { dtr: false, rts: false });
  });

  test(`${port}: the pulse of an open that is followed by TIOCMSET 0 is in the waveform; with O_NRESETDEV there is none`, () => {
    const glitching = found(port);
    glitching.open();
    glitching.clock.advance(440);
    glitching.ioctlInt('TIOCMSET', 0);
    deepEqual(
      glitching.glitches.map(({ signal, level, start, end }) => [signal, level, end - start]),
      [
        ['DTR', 1, 440],
        ['RTS', 1, 440],
      ],
    );
    const keeping = found(port);
    keeping.open({ keep: true });
    keeping.clock.advance(440);
    keeping.ioctlInt('TIOCMSET', 0);
    deepEqual(keeping.glitches, []);
  });
}

for (const port of ['ttyS0=8250', 'ttyACM0=cdc-acm']) {
  test(`${port}: lines that were raised after an open that keeps stay up over a close with -HUPCL`, () => {
    const bench = found(port);
    bench.open({ keep: true });
    bench.stty('-HUPCL');
    bench.ioctlInt('TIOCMBIS', TIOCM_DTR);
    bench.close();
    deepEqual(bench.lines, { dtr: true, rts: false });
  });
}

test('a blocking open that keeps waits for carrier without raising a line', () => {
  const bench = found('ttyS0=8250');
  bench.open({ keep: true });
  bench.stty('-CLOCAL');
  bench.close();
  equal(bench.open({ keep: true, nonblock: false }), false);
  deepEqual(moved(bench), []);
  bench.setInputs({ dcd: true });
  equal(bench.tty.hasCarrier, true);
  bench.tty.giveUp();
  deepEqual(moved(bench), []);
});

test('an open that does not keep after one that did is as any other: both lines rise', () => {
  const bench = found('ttyS0=8250');
  bench.open({ keep: true });
  bench.close();
  bench.open();
  deepEqual(moved(bench), ['+DTR+RTS']);
});
