/** Who only looks moves nothing, whatever programs have done to the port before. */
import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SERIAL_ICOUNTER_SIZE } from '../../uapi/serial.js';
import { readSerial } from './testing/serial-changes.js';
import { TtyBench } from './testing/tty-bench.js';

type Action = (bench: TtyBench) => void;

/** Actions on an open file do nothing where there is none. */
function onFile(action: Action): Action {
  return (bench) => {
    if (bench.files > 0) action(bench);
  };
}

const words = fc
  .subarray(['HUPCL', '-HUPCL', 'CLOCAL', '-CLOCAL', 'CRTSCTS', '-CRTSCTS', 'B0', 'B9600', 'B4000000', 'CS7', 'PARENB'])
  .map((some) => some.join(' '));
const bits = fc.constantFrom(0, 2, 4, 6, 0x2000, 0x4000, 0x8000, 0xe006);

const anyAction: fc.Arbitrary<Action> = fc.oneof(
  fc.boolean().map(
    (keep): Action =>
      (bench) =>
        bench.open({ keep }),
  ),
  fc.constant<Action>((bench) => bench.close()),
  bits.map((lines) => onFile((bench) => bench.ioctlInt('TIOCMSET', lines))),
  bits.map((lines) => onFile((bench) => bench.ioctlInt('TIOCMBIS', lines))),
  bits.map((lines) => onFile((bench) => bench.ioctlInt('TIOCMBIC', lines))),
  words.map((text) => onFile((bench) => bench.stty(text))),
  fc
    .constantFrom('TIOCEXCL' as const, 'TIOCSBRK' as const, 'TIOCCBRK' as const)
    .map((command) => onFile((bench) => bench.ioctl(command))),
  fc.constant(onFile((bench) => bench.write(3))),
  fc.constant(onFile((bench) => bench.hangUp())),
  fc.record({ cts: fc.boolean(), dcd: fc.boolean() }).map(
    (inputs): Action =>
      (bench) =>
        bench.setInputs(inputs),
  ),
  fc.constant<Action>((bench) => bench.nextKernel()),
);

/** As a program does that lists the ports of a machine. */
function probe(bench: TtyBench): void {
  bench.open({ keep: true });
  bench.ioctlInt('TIOCMGET');
  bench.ioctl('TIOCGICOUNT', new Uint8Array(SERIAL_ICOUNTER_SIZE));
  readSerial(bench);
  // A close of one of several files moves nothing by itself.
  bench.close();
}

/** The edges at the connector: OUT2 of a 16550 leads nowhere. */
function edges(bench: TtyBench): string[] {
  return bench.edges.take().match(/[+-](DTR|RTS|BREAK)/g) ?? [];
}

for (const port of ['ttyS0=8250', 'ttyACM0=cdc-acm', 'ttyUSB0=usb-serial', 'ttyS1=power-gated']) {
  test(`${port}: whatever was done before, a look at the port moves no line and changes no setting`, () => {
    fc.assert(
      fc.property(fc.array(anyAction, { maxLength: 25 }), (actions) => {
        const bench = new TtyBench(port);
        bench.tty.configure();
        let looked: unknown;
        for (const act of actions) {
          act(bench);
          edges(bench);
          const { lines, termios } = bench;
          probe(bench);
          deepEqual(edges(bench), []);
          deepEqual(bench.lines, lines);
          // The first look of a new kernel adopts what the hardware has.
          if (looked === bench.tty) deepEqual(bench.termios, termios);
          looked = bench.tty;
        }
      }),
      { numRuns: 200 },
    );
  });
}
