/** O_NRESETDEV, driver by driver: what each can keep, and how. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { TIOCM_DTR, TIOCM_RTS } from '../../uapi/tty.js';
import { refused } from '../testing/expect.js';
import type { CdcAcmPort, Uart8250Port } from './serial-hardware.js';
import { TtyBench } from './testing/tty-bench.js';

const BOTH = TIOCM_DTR | TIOCM_RTS;
const LINE_CONTROL = 3;
const MODEM_CONTROL = 4;
const DLAB = 0x80;

function uart(): { bench: TtyBench; registers: Uart8250Port['registers'] } {
  const bench = new TtyBench('ttyS0=8250');
  if (bench.hardware.driver !== '8250') throw new TypeError('it is no 8250');
  return { bench, registers: bench.hardware.registers };
}

/** As firmware sets a UART up. */
function program(registers: Uart8250Port['registers'], divisor: number, lineControl: number, modemControl: number) {
  registers.write(LINE_CONTROL, lineControl | DLAB);
  registers.write(0, divisor & 0xff);
  registers.write(1, divisor >> 8);
  registers.write(LINE_CONTROL, lineControl);
  registers.write(MODEM_CONTROL, modemControl);
}

test('8250: speed and framing that the hardware has are adopted, and its lines', () => {
  const { bench, registers } = uart();
  // 115200 bits a second, 7 bits, even parity, 2 stop bits; DTR alone.
  program(registers, 1, 0x1e, 0x01);
  bench.edges.take();
  bench.open({ keep: true });
  const { outputSpeed, inputSpeed, controlFlags } = bench.termios;
  deepEqual([outputSpeed, inputSpeed], [115200, 115200]);
  // B115200, CS7, CSTOPB, CREAD, PARENB, CLOCAL; no HUPCL: who only looks lets no line fall.
  equal(controlFlags, 0o10002 | 0o40 | 0o100 | 0o200 | 0o400 | 0o4000);
  equal(bench.ioctlInt('TIOCMGET') & BOTH, TIOCM_DTR);
  bench.close();
  match(bench.edges.take(), /^\+OUT2 -OUT2$/);
});

test('8250: parity that sticks, and a speed without a code, are adopted as well', () => {
  const { bench, registers } = uart();
  program(registers, 7, 0x2b, 0);
  bench.open({ keep: true });
  const { outputSpeed, controlFlags } = bench.termios;
  equal(outputSpeed, 16457);
  // BOTHER, CS8, CREAD, PARENB, PARODD, HUPCL, CLOCAL, CMSPAR.
  equal(controlFlags, 0o10000 | 0o60 | 0o200 | 0o400 | 0o1000 | 0o2000 | 0o4000 | 0o10000000000);
});

test('8250: a speed that the hardware rounds stays the one that a program has asked for', () => {
  const { bench } = uart();
  bench.open();
  bench.stty('BOTHER 31250', 'TCSETS2');
  const { termios } = bench;
  bench.close();
  bench.open({ keep: true });
  deepEqual(bench.termios, termios);
  equal(termios.outputSpeed, 31250);
});

test('8250: a chip that nobody has set up gets the settings of the tty, and no line of it moves', () => {
  const { bench, registers } = uart();
  bench.open({ keep: true });
  equal(bench.edges.take(), '+OUT2');
  registers.write(LINE_CONTROL, 0x13 | DLAB);
  equal(registers.read(0), 12);
  registers.write(LINE_CONTROL, 0x13);
  equal(bench.termios.outputSpeed, 9600);
});

test('8250: a kernel that finds a port drops its lines, and its speed stays to be adopted', () => {
  const { bench, registers } = uart();
  program(registers, 1, 0x03, 0x0b);
  bench.edges.take();
  bench.nextKernel();
  equal(bench.edges.take(), '-DTR-RTS-OUT2');
  bench.open({ keep: true });
  equal(bench.termios.outputSpeed, 115200);
});

/** What a device is told, in words of its class. */
function told(bench: TtyBench): string[] {
  const requests: string[] = [];
  const { control } = bench.hardware as CdcAcmPort;
  const send = control.send.bind(control);
  control.send = (request, value, data) => {
    requests.push(
      `${request.toString(16)} ${value}${data === undefined ? '' : ` ${Buffer.from(data).toString('hex')}`}`,
    );
    send(request, value, data);
  };
  return requests;
}

test('cdc-acm: an open that keeps, reading all settings, and the close tell the device nothing', () => {
  const bench = new TtyBench('ttyACM0=cdc-acm');
  const requests = told(bench);
  bench.tty.configure();
  deepEqual(requests.splice(0), ['20 0 80250000000008']);
  bench.open({ keep: true });
  bench.ioctlInt('TIOCMGET');
  equal(bench.termios.outputSpeed, 9600);
  bench.close();
  deepEqual(requests, []);
});

test('cdc-acm: the device is told its coding when it changes, not at each open', () => {
  const bench = new TtyBench('ttyACM0=cdc-acm');
  bench.tty.configure();
  const requests = told(bench);
  bench.open();
  deepEqual(requests.splice(0), ['22 3']);
  bench.stty('B115200');
  deepEqual(requests.splice(0), ['20 0 00c20100000008']);
  bench.close();
  bench.open();
  deepEqual(requests, ['22 0', '22 3']);
});

test('cdc-acm: lines that a driver has not set are unknown: TIOCMGET has them low, and no close lets them fall', () => {
  const bench = new TtyBench('ttyACM0=cdc-acm');
  bench.tty.configure();
  bench.open();
  // Another kernel, and the device has kept its power.
  bench.nextKernel();
  deepEqual(bench.lines, { dtr: true, rts: true });
  bench.edges.take();
  bench.open({ keep: true });
  equal(bench.ioctlInt('TIOCMGET') & BOTH, 0);
  bench.stty('B115200');
  bench.close();
  equal(bench.edges.take(), '');
  bench.open({ keep: true });
  bench.ioctlInt('TIOCMSET', 0);
  equal(bench.edges.take(), '-DTR-RTS');
});

test('usb-serial: what the power brings is kept, which is both lines low', () => {
  const bench = new TtyBench('ttyUSB0=usb-serial');
  bench.tty.configure();
  bench.open();
  bench.stty('-HUPCL');
  bench.close();
  equal(bench.edges.take(), '+DTR+RTS -DTR-RTS');
  bench.open({ keep: true });
  equal(bench.edges.take(), '');
  equal(bench.ioctlInt('TIOCMGET') & BOTH, 0);
});

test('wired-enable: an open that keeps is EOPNOTSUPP and touches nothing; beside an open file it is let in', () => {
  const bench = new TtyBench('ttyS0=wired-enable');
  bench.tty.configure();
  const { message } = refused('EOPNOTSUPP', () => bench.open({ keep: true }));
  match(message, /^Cannot open ttyS0 and keep its lines: its hardware asserts DTR and RTS/);
  equal(bench.edges.take(), '');
  equal(bench.tty.isOpen, false);
  bench.open();
  equal(bench.edges.take(), '+DTR+RTS');
  bench.open({ keep: true });
  equal(bench.edges.take(), '');
});

/** The edges of the supply. */
function powered(bench: TtyBench): number {
  return bench.waveform.signals.find(({ name }) => name === 'POWER')?.edges.length ?? -1;
}

const wanting: Readonly<Record<string, (bench: TtyBench) => void>> = {
  'a byte': (bench) => bench.write(1),
  'a line that rises': (bench) => bench.ioctlInt('TIOCMBIS', TIOCM_DTR),
  'a break': (bench) => bench.ioctl('TIOCSBRK'),
  'an open that does not keep': (bench) => bench.open(),
};
for (const [what, want] of Object.entries(wanting)) {
  test(`power-gated: the power comes with ${what}, and the settings with it`, () => {
    const bench = new TtyBench('ttyS0=power-gated');
    bench.tty.configure();
    bench.open({ keep: true });
    bench.stty('B115200 CS7');
    bench.ioctlInt('TIOCMBIC', BOTH);
    bench.ioctlInt('TIOCMSET', 0);
    bench.ioctl('TIOCCBRK');
    equal(bench.ioctlInt('TIOCMGET'), 0);
    equal(bench.termios.outputSpeed, 115200);
    equal(powered(bench), 0);
    want(bench);
    equal(powered(bench), 1);
    ok(bench.hardware.driver === 'power-gated');
    equal(bench.hardware.registers.read(LINE_CONTROL) & 0x03, 0x02);
    while (bench.files > 0) bench.close();
    equal(powered(bench), 2);
  });
}

test('power-gated: who leaves B0 wants the lines, and gets the power', () => {
  const bench = new TtyBench('ttyS0=power-gated');
  bench.tty.configure();
  bench.open({ keep: true });
  bench.stty('B0');
  equal(powered(bench), 0);
  bench.stty('B9600');
  equal(powered(bench), 1);
  deepEqual(bench.lines, { dtr: true, rts: true });
});
