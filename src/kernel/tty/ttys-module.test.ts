/** Ports that pass to the next kernel as they are: no close, no line that moves, no setting lost. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { SER_RS485_ENABLED, SER_RS485_RTS_ON_SEND } from '../../uapi/serial.js';
import { TIOCM_DTR, TIOCM_RTS } from '../../uapi/tty.js';
import { leftovers } from '../testing/checked-machine.js';
import { refused } from '../testing/expect.js';
import { atSpeed, withControlFlags } from './termios.js';
import { SerialMachine } from './testing/serial-machine.js';

const BOTH = TIOCM_DTR | TIOCM_RTS;
const HUPCL = 0o2000;
const CLOCAL = 0o4000;
const ports = ['ttyS0=8250', 'ttyACM0=cdc-acm', 'ttyUSB0=usb-serial', 'ttyS1=power-gated', 'ttyS2=wired-enable'];

/** What `preserve` is told of a port is all that the next kernel has of it. */
function setUp(machine: SerialMachine, name: string): void {
  const tty = machine.tty(name);
  tty.setTermios(atSpeed(tty.termios, 115200));
  tty.setExclusive(true);
  tty.setSettings({ closeDelay: 7, closingWait: 65535 });
  tty.transmit(new Uint8Array(3));
  tty.receive(new Uint8Array(4));
  if (name !== 'ttyS2') tty.changeOutputs(0, TIOCM_RTS);
}

for (const profile of ['linux', 'v5'] as const) {
  for (const port of ports) {
    test(`${profile}, ${port}: settings, lines, exclusive use and counters come back, and no line moves on the way`, () => {
      const machine = new SerialMachine([port], { profile });
      const [name = ''] = port.split('=');
      const device = machine.openDevice();
      const fd = machine.openTty(name);
      setUp(machine, name);
      const { state, modemLines } = machine.tty(name);
      machine.takeEdges();
      machine.preserve(machine.create(device, 'board'), fd, 1n);
      machine.kexec();
      deepEqual(machine.tty(name).state, state);
      equal(machine.tty(name).modemLines, modemLines);
      const incoming = machine.retrieve(machine.openDevice(), 'board');
      const after = machine.retrieveFd(incoming, 1n);
      machine.finish(incoming);
      equal(machine.host.status(machine.task.descriptorAt(after)).link, `/dev/${name}`);
      equal(machine.takeEdges(), '');
      equal(machine.tty(name).isOpen, true);
      machine.tty(name).close();
      equal(machine.tty(name).state.exclusive, false);
      match(machine.takeEdges(), name === 'ttyS2' ? / -DTR-RTS$/ : / -DTR$/);
      deepEqual(leftovers(machine), []);
    });
  }

  test(`${profile}: what programs have set after the preservation, until the last moment, comes back`, () => {
    const machine = new SerialMachine(['ttyS0=8250'], { profile });
    const device = machine.openDevice();
    machine.preserve(machine.create(device, 'board'), machine.openTty('ttyS0'), 1n);
    machine.tty('ttyS0').changeOutputs(0, BOTH);
    machine.tty('ttyS0').setTermios(atSpeed(machine.tty('ttyS0').termios, 38400));
    machine.takeEdges();
    machine.kexec();
    equal(machine.tty('ttyS0').termios.outputSpeed, 38400);
    equal(machine.tty('ttyS0').state.outputs & BOTH, 0);
    equal(machine.takeEdges(), '');
  });

  test(`${profile}: a port that nobody asks for is closed when the session is finished`, () => {
    const machine = new SerialMachine(['ttyS0=8250'], { profile });
    machine.preserve(machine.create(machine.openDevice(), 'board'), machine.openTty('ttyS0'), 1n);
    machine.kexec();
    equal(machine.host.open.length, 1);
    machine.finish(machine.retrieve(machine.openDevice(), 'board'));
    deepEqual(machine.host.open, []);
    // The machine sees that, as it sees every last close.
    machine.takeEdges();
    machine.tty('ttyS0').close();
    equal(machine.takeEdges(), 'ttyS0 -DTR-RTS');
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: a port of the host passes with its open file alone, since its driver stays`, () => {
    const machine = new SerialMachine([], { profile });
    machine.preserve(machine.create(machine.openDevice(), 'board'), machine.openTty('ttyUSB3'), 1n);
    machine.kexec();
    const incoming = machine.retrieve(machine.openDevice(), 'board');
    const fd = machine.retrieveFd(incoming, 1n);
    machine.finish(incoming);
    equal(machine.host.status(machine.task.descriptorAt(fd)).link, '/dev/ttyUSB3');
    deepEqual(leftovers(machine), []);
  });
}

test('RS-485 passes, and RTS goes on with it', () => {
  const machine = new SerialMachine(['ttyS0=8250,rs485-bus']);
  const fd = machine.openTty('ttyS0', { keep: true });
  const rs485 = { flags: SER_RS485_ENABLED | SER_RS485_RTS_ON_SEND, delayBeforeSend: 1, delayAfterSend: 0 };
  machine.tty('ttyS0').setRs485(rs485);
  machine.preserve(machine.create(machine.openDevice(), 'bus'), fd, 1n);
  machine.takeEdges();
  machine.kexec();
  equal(machine.takeEdges(), '');
  deepEqual(machine.tty('ttyS0').rs485, rs485);
  machine.tty('ttyS0').transmit(new Uint8Array(1));
  equal(machine.takeEdges(), 'ttyS0 +RTS -RTS');
});

for (const port of ['ttyS0=8250', 'ttyACM0=cdc-acm']) {
  test(`${port}: carrier that is lost during the kexec hangs up when the next kernel looks, and changes are counted`, () => {
    const machine = new SerialMachine([port]);
    const [name = ''] = port.split('=');
    machine.setInputs(name, { dcd: true });
    const fd = machine.openTty(name);
    const tty = machine.tty(name);
    tty.setTermios(withControlFlags(tty.termios, CLOCAL, 0));
    machine.preserve(machine.create(machine.openDevice(), 'modem'), fd, 1n);
    machine.takeEdges();
    const handover = machine.kernel.reboot();
    machine.endGeneration();
    machine.setInputs(name, { dcd: false });
    machine.hardware = machine.hardware.afterKexec();
    machine.boot(handover);
    equal(machine.tty(name).isOpen, false);
    equal(machine.tty(name).counters.carrier, 1);
    equal(machine.takeEdges(), `${name} -DTR-RTS`);
  });
}

test('a hang-up of that kind leaves the lines up with -HUPCL, as every hang-up', () => {
  const machine = new SerialMachine(['ttyS0=8250']);
  machine.setInputs('ttyS0', { dcd: true });
  const fd = machine.openTty('ttyS0');
  const tty = machine.tty('ttyS0');
  tty.setTermios(withControlFlags(tty.termios, CLOCAL | HUPCL, 0));
  machine.preserve(machine.create(machine.openDevice(), 'modem'), fd, 1n);
  machine.takeEdges();
  machine.setInputs('ttyS0', { dcd: false });
  machine.kexec();
  equal(machine.tty('ttyS0').isOpen, false);
  equal(machine.takeEdges(), '');
});

test('a port that was not preserved loses its lines when the next kernel looks at it, open or not, HUPCL or not', () => {
  for (const isOpen of [true, false]) {
    for (const flags of [0, HUPCL]) {
      const machine = new SerialMachine(['ttyS0=8250', 'ttyS1=8250']);
      const tty = machine.tty('ttyS0');
      machine.openTty('ttyS0');
      tty.setTermios(withControlFlags(tty.termios, HUPCL, flags));
      if (!isOpen) tty.close();
      const isUp = isOpen || flags === 0;
      const preserved = machine.openTty('ttyS1');
      machine.preserve(machine.create(machine.openDevice(), 'board'), preserved, 1n);
      machine.takeEdges();
      machine.kexec();
      equal(machine.takeEdges(), isUp ? 'ttyS0 -DTR-RTS' : '');
      equal(machine.tty('ttyS0').termios.outputSpeed, 9600);
    }
  }
});

test('a preservation that was taken back is none: the lines fall', () => {
  const machine = new SerialMachine(['ttyS0=8250'], { extend: true });
  const session = machine.create(machine.openDevice(), 'board');
  machine.preserve(session, machine.openTty('ttyS0'), 1n);
  machine.takeEdges();
  machine.unpreserve(session, 1n);
  equal(machine.takeEdges(), '');
  machine.kexec();
  equal(machine.takeEdges(), 'ttyS0 -DTR-RTS');
});

test('a kexec that is cancelled leaves the port in use, and the next one passes what it has then', () => {
  const machine = new SerialMachine(['ttyS0=8250']);
  machine.preserve(machine.create(machine.openDevice(), 'board'), machine.openTty('ttyS0'), 1n);
  machine.takeEdges();
  machine.kernel.reboot();
  machine.kernel.cancelReboot();
  equal(machine.takeEdges(), '');
  machine.tty('ttyS0').changeOutputs(0, TIOCM_DTR);
  equal(machine.takeEdges(), 'ttyS0 -DTR');
  machine.kexec();
  equal(machine.takeEdges(), '');
  equal(machine.tty('ttyS0').state.outputs & BOTH, TIOCM_RTS);
});

test('a port that is pulled out after it was preserved is found anew when it is there again', () => {
  const machine = new SerialMachine(['ttyACM0=cdc-acm']);
  machine.preserve(machine.create(machine.openDevice(), 'board'), machine.openTty('ttyACM0'), 1n);
  machine.unplug('ttyACM0');
  machine.kexec();
  equal(machine.tty('ttyACM0').isOpen, false);
  refused('ENODEV', () => machine.openTty('ttyACM0'));
  machine.plug('ttyACM0');
  machine.openTty('ttyACM0');
  equal(machine.tty('ttyACM0').modemLines & BOTH, BOTH);
  equal(machine.tty('ttyACM0').isExclusive, false);
});

for (const port of ['ttyACM0=cdc-acm', 'ttyUSB0=usb-serial']) {
  test(`${port}: a kernel starts beside a port that is unplugged`, () => {
    const machine = new SerialMachine([port]);
    const [name = ''] = port.split('=');
    machine.unplug(name);
    machine.kexec();
    refused('ENODEV', () => machine.openTty(name));
    machine.plug(name);
    machine.openTty(name);
  });
}

test('more ports than the table holds are ENOSPC, and nothing is left of the one too many', () => {
  const machine = new SerialMachine([]);
  const session = machine.create(machine.openDevice(), 'boards');
  for (let i = 0; i < 21; i += 1) machine.preserve(session, machine.openTty(`ttyUSB${i}`), BigInt(i));
  const { message } = refused('ENOSPC', () => machine.preserve(session, machine.openTty('ttyUSB21'), 21n));
  equal(message, 'Cannot preserve ttyUSB21: 21 ttys are preserved already');
  machine.kexec();
  const incoming = machine.retrieve(machine.openDevice(), 'boards');
  equal(machine.host.status(machine.task.descriptorAt(machine.retrieveFd(incoming, 20n))).link, '/dev/ttyUSB20');
  machine.finish(incoming);
  deepEqual(leftovers(machine), []);
});

test('a name that does not fit is ENAMETOOLONG, and nothing is left of it', () => {
  const machine = new SerialMachine([]);
  const session = machine.create(machine.openDevice(), 'board');
  const name = `tty${'A'.repeat(28)}0`;
  match(refused('ENAMETOOLONG', () => machine.preserve(session, machine.openTty(name), 1n)).message, /longer than 31/);
  machine.preserve(session, machine.openTty(`tty${'A'.repeat(27)}0`), 1n);
  deepEqual(leftovers(machine), []);
});

test('a port is one thing: a second open file of it is EBUSY', () => {
  const machine = new SerialMachine(['ttyS0=8250']);
  const session = machine.create(machine.openDevice(), 'board');
  machine.preserve(session, machine.openTty('ttyS0'), 1n);
  refused('EBUSY', () => machine.preserve(session, machine.openTty('ttyS0'), 2n));
});

test('without the option a port is ENOENT, as on Linux', () => {
  const machine = new SerialMachine(['ttyS0=8250'], { preserve: [] });
  const session = machine.create(machine.openDevice(), 'board');
  refused('ENOENT', () => machine.preserve(session, machine.openTty('ttyS0'), 1n));
});

/** Where the record of a port is in RAM: the name stands 16 bytes behind its start. */
function recordOf(machine: SerialMachine, name: string): Buffer {
  const { ram } = machine.hardware;
  const bytes = Buffer.from(ram.buffer, ram.byteOffset, ram.length);
  const start = bytes.indexOf(`${name}\0`) - 16;
  ok(start > 0);
  return bytes.subarray(start);
}

const damages: Readonly<Record<string, (record: Buffer) => void>> = {
  'a name that is none': (record) => record.write('tty?', 16),
  'a mark of use that is none': (record) => record.writeUInt32LE(2, 0),
  'lines that there are not': (record) => record.writeUInt32LE(0xffff_ffff, 92),
};
for (const [damage, spoil] of Object.entries(damages)) {
  test(`where the record of the last kernel has ${damage}, it is EINVAL, the lines fall, and the kernel says so`, () => {
    const machine = new SerialMachine(['ttyS0=8250']);
    machine.preserve(machine.create(machine.openDevice(), 'board'), machine.openTty('ttyS0'), 1n);
    machine.takeEdges();
    const handover = machine.kernel.reboot();
    machine.endGeneration();
    machine.hardware = machine.hardware.afterKexec();
    spoil(recordOf(machine, 'ttyS0'));
    machine.boot(handover);
    equal(machine.takeEdges(), 'ttyS0 -DTR-RTS');
    match(
      machine.hardware.messages.join('\n'),
      /^error: The lines of the preserved ttys fall: Cannot read a preserved tty: /m,
    );
    const incoming = machine.retrieve(machine.openDevice(), 'board');
    refused('EINVAL', () => machine.retrieveFd(incoming, 1n));
    machine.finish(incoming);
    deepEqual(leftovers(machine), []);
  });
}
