import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { encodeSerialStruct, SERIAL_STRUCT_SIZE, type SerialStruct } from '../../uapi/serial.js';
import {
  CRTSCTS,
  decodeTermio,
  encodeTermio,
  TERMIO_SIZE,
  TIOCM_CTS,
  TIOCM_DSR,
  TIOCM_DTR,
  TIOCM_RTS,
  ttyCommands,
} from '../../uapi/tty.js';
import { refused } from '../testing/expect.js';
import { ttyIoctlNumbers } from './ioctl.js';
import { readSerial } from './testing/serial-changes.js';
import { TtyBench } from './testing/tty-bench.js';

const BOTH = TIOCM_DTR | TIOCM_RTS;
const NOWHERE = 8;

type Command = keyof typeof ttyCommands;

function opened(port = 'ttyS0=8250,rs485-bus'): TtyBench {
  const bench = new TtyBench(port);
  bench.tty.configure();
  bench.open();
  bench.edges.take();
  return bench;
}

const withStructure = Object.keys(ttyCommands).filter((name) =>
  /^TC[GS]ET|^TIOCM(GET|SET|BI)|^TIOC[GS](SOFTCAR|SERIAL|RS485|ICOUNT|EXCL)/.test(name),
) as Command[];

test('a structure at an address that is not there is EFAULT, and nothing has changed', () => {
  const bench = opened();
  const { state } = bench.tty;
  ok(withStructure.length > 20);
  for (const command of withStructure) refused('EFAULT', () => bench.ioctl(command, NOWHERE));
  deepEqual(bench.tty.state, state);
  equal(bench.edges.take(), '');
});

test('what the line discipline answers is not asked of a port', () => {
  const bench = opened();
  for (const command of ['TCXONC', 'TCFLSH'] as const) {
    equal(ttyIoctlNumbers.has(ttyCommands[command]), false);
    equal(bench.ioctl(command), undefined);
  }
  // The machine has what is held, and the time.
  for (const command of ['TCSBRK', 'TCSBRKP'] as const) equal(bench.ioctl(command), undefined);
});

test('TIOCMSET replaces all outputs by one write, TIOCMBIS and TIOCMBIC move those that are named', () => {
  const bench = opened();
  bench.ioctlInt('TIOCMSET', 0);
  equal(bench.edges.take(), '-DTR-RTS-OUT2');
  bench.ioctlInt('TIOCMSET', BOTH);
  equal(bench.edges.take(), '+DTR+RTS');
  bench.ioctlInt('TIOCMBIC', TIOCM_DTR);
  equal(bench.edges.take(), '-DTR');
  // Inputs and what no port has are ignored.
  bench.ioctlInt('TIOCMBIS', TIOCM_CTS | 0x19);
  equal(bench.edges.take(), '');
  equal(bench.ioctlInt('TIOCMGET') & BOTH, TIOCM_RTS);
});

test('the older struct termio sets what it can say, and the rest stays', () => {
  const bench = opened();
  bench.stty('CRTSCTS B19200');
  const before = bench.termios;
  const bytes = new Uint8Array(TERMIO_SIZE);
  bench.ioctl('TCGETA', bytes);
  deepEqual(decodeTermio(bytes, before), before);
  bench.ioctl('TCSETA', encodeTermio({ ...before, inputFlags: 0 }));
  deepEqual(bench.termios, { ...before, inputFlags: 0 });
  ok((bench.termios.controlFlags & CRTSCTS) !== 0);
});

test('TCSETS, which has no speeds beside its flags, leaves any speed as it is', () => {
  const bench = opened();
  bench.stty('BOTHER 31250', 'TCSETS2');
  bench.stty('CS7');
  equal(bench.termios.outputSpeed, 31250);
});

test('a speed that is too fast: a 16550 stays at the old one, a converter goes to 9600, and a cdc-acm device is told', () => {
  const speed = (port: string) => {
    const bench = opened(port);
    bench.stty('B57600');
    bench.stty('B4000000');
    return bench.termios.outputSpeed;
  };
  equal(speed('ttyS0=8250'), 57600);
  equal(speed('ttyS0=power-gated'), 57600);
  equal(speed('ttyUSB0=usb-serial'), 9600);
  equal(speed('ttyACM0=cdc-acm'), 4_000_000);
});

test('TIOCEXCL and TIOCNXCL are anybody’s, and TIOCGEXCL tells', () => {
  const bench = opened();
  bench.ioctl('TIOCEXCL', 0, false);
  equal(bench.ioctlInt('TIOCGEXCL'), 1);
  match(refused('EBUSY', () => bench.open({ privileged: false })).message, /^Cannot open ttyS0: .*\(TIOCEXCL\)$/);
  bench.ioctl('TIOCNXCL', 0, false);
  equal(bench.ioctlInt('TIOCGEXCL'), 0);
  bench.open({ privileged: false });
});

test('TIOCMIWAIT waits for a line of its mask, and is EIO after a hang-up', () => {
  const bench = opened();
  const wait = bench.ioctl('TIOCMIWAIT', TIOCM_CTS);
  if (typeof wait !== 'function') throw new TypeError('it does not wait');
  equal(wait(), undefined);
  bench.setInputs({ dsr: true });
  equal(wait(), undefined);
  bench.setInputs({ cts: true });
  equal(wait(), 0);
  const again = bench.ioctl('TIOCMIWAIT', TIOCM_CTS | TIOCM_DSR);
  if (typeof again !== 'function') throw new TypeError('it does not wait');
  equal(again(), undefined);
  bench.hangUp();
  refused('EIO', () => again());
});

test('TIOCMIWAIT for no line at all never ends by itself', () => {
  const bench = opened();
  const wait = bench.ioctl('TIOCMIWAIT', 0);
  if (typeof wait !== 'function') throw new TypeError('it does not wait');
  bench.setInputs({ cts: true, dsr: true, dcd: true, ri: true });
  equal(wait(), undefined);
});

const changes: Readonly<Record<string, Partial<SerialStruct>>> = {
  closeDelay: { closeDelay: 20 },
  closingWait: { closingWait: 100 },
  flags: { flags: 0x2000 },
  customDivisor: { customDivisor: 3 },
  transmitFifoSize: { transmitFifoSize: 8 },
  baudBase: { baudBase: 57600 },
  type: { type: 2 },
  port: { port: 0x2e8 },
  irq: { irq: 5 },
  line: { line: 7 },
};

/** What becomes of each member: taken, ignored, or the error number. */
function outcomes(port: string, privileged: boolean): Record<string, string> {
  return Object.fromEntries(
    Object.entries(changes).map(([member, change]) => {
      const bench = opened(port);
      const now = readSerial(bench);
      const flags = change.flags === undefined ? now.flags : now.flags ^ change.flags;
      const given = encodeSerialStruct({ ...now, ...change, flags });
      try {
        bench.ioctl('TIOCSSERIAL', given, privileged);
      } catch (error) {
        return [member, (error as { code: string }).code];
      }
      const bytes = new Uint8Array(SERIAL_STRUCT_SIZE);
      bench.ioctl('TIOCGSERIAL', bytes);
      equal(bench.edges.take(), '');
      return [member, Buffer.compare(bytes, given) === 0 ? 'taken' : 'ignored'];
    }),
  );
}

const everything = Object.keys(changes);
function all(outcome: string, except: Readonly<Record<string, string>>): Record<string, string> {
  return { ...Object.fromEntries(everything.map((member) => [member, outcome])), ...except };
}

test('TIOCSSERIAL on a 16550: its place is EINVAL, the superuser sets the rest, and others the speed flags', () => {
  const fixed = { type: 'EINVAL', port: 'EINVAL', irq: 'EINVAL', line: 'ignored' };
  deepEqual(outcomes('ttyS0=8250', true), all('taken', fixed));
  const free = { flags: 'taken', customDivisor: 'taken', line: 'ignored' };
  deepEqual(outcomes('ttyS0=8250', false), all('EPERM', free));
});

test('TIOCSSERIAL on a cdc-acm device: the times are the superuser’s, and all else is ignored', () => {
  const times = (outcome: string) => ({ closeDelay: outcome, closingWait: outcome });
  deepEqual(outcomes('ttyACM0=cdc-acm', true), all('ignored', times('taken')));
  deepEqual(outcomes('ttyACM0=cdc-acm', false), all('ignored', times('EPERM')));
});

test('TIOCSSERIAL on a USB converter: times, and the speed flags, which are anybody’s', () => {
  const free = { flags: 'taken', customDivisor: 'taken' };
  const times = (outcome: string) => ({ closeDelay: outcome, closingWait: outcome });
  deepEqual(outcomes('ttyUSB0=usb-serial', true), all('ignored', { ...free, ...times('taken') }));
  deepEqual(outcomes('ttyUSB0=usb-serial', false), all('ignored', { ...free, ...times('EPERM') }));
});
