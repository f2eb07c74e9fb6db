/** Ports of the host that a machine holds. A pseudo-terminal of the test's is one; lines it has none. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { chmodSync, mkdtempSync, readSync, rmSync, symlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { close } from '../host/descriptors.js';
import { ioctl } from '../host/ioctl.js';
import { openPeer, openPty } from '../host/pty.js';
import { noCompiler } from '../testing/compile.js';
import { eventually, Luo } from '../testing/luo.js';
import { calls, levels, linesOf, onPort } from '../testing/serial.js';
import { asOrdinaryUser } from '../testing/user.js';
import { openFlags } from '../uapi/fcntl.js';
import { ttyCommands } from '../uapi/tty.js';

const { O_NONBLOCK, O_RDWR } = openFlags(process.arch);
const skip = noCompiler();
const needsRoot = skip || (process.getuid?.() === 0 ? false : 'only root can become another user');
const asUser = asOrdinaryUser();
const needsUser = needsRoot || (typeof asUser === 'string' ? asUser : false);
const USB = '/dev/ttyUSB0';

/** A port of the host, as far as luo can tell: a link in /dev, behind which are terminals of the test's. */
class FakePort {
  readonly #directory = mkdtempSync('/dev/shm/luo-test-');
  readonly path = join(this.#directory, 'port');
  #master: number | undefined;

  constructor() {
    chmodSync(this.#directory, 0o755);
    this.plug();
  }

  plug(): void {
    const { master, device } = openPty();
    this.#master = master;
    symlinkSync(`/dev/pts/${(device & 0xffn) | ((device >> 12n) & 0xfff00n)}`, this.path);
  }

  unplug(): void {
    if (this.#master === undefined) return;
    rmSync(this.path);
    close(this.#master);
    this.#master = undefined;
  }

  get master(): number {
    if (this.#master === undefined) throw new Error('it is unplugged');
    return this.#master;
  }

  async read(): Promise<string> {
    const buffer = Buffer.alloc(100);
    return eventually('a program has written', () => {
      try {
        return buffer.toString('utf8', 0, readSync(this.master, buffer));
      } catch {
        return undefined;
      }
    });
  }

  [Symbol.dispose](): void {
    this.unplug();
    rmSync(this.#directory, { recursive: true });
  }
}

test('programs use a port of the host by the name that the machine gives it', { skip }, async () => {
  await using luo = new Luo();
  using port = new FakePort();
  const words = [
    `stat:${USB}`,
    `open::${USB}`,
    'raw:9600',
    'write:hello',
    'line',
    'lines',
    `open:k:${USB}`,
    'write:again',
  ];
  const running = luo.start(['run', `--serial=ttyUSB0=${port.path}`, '--', ...calls(...words, 'say:end', 'await:go')]);
  equal(await port.read(), 'hello');
  writeSync(port.master, 'yes\n');
  await running.says(/end/);
  equal(await port.read(), 'again');
  await luo.startCommand(['touch', 'go']).result;
  const { code, stdout, stderr } = await running.result;
  equal(code, 0, stderr);
  deepEqual(linesOf(stdout), [
    ...['stat c 188 0', 'open ok', 'raw ok', 'write ok', 'line yes', 'lines ENOTTY', 'open ok', 'write ok', 'end'],
  ]);
});

test('a port of the host that is unplugged is gone, and is held again when it is back', { skip }, async () => {
  await using luo = new Luo();
  using port = new FakePort();
  const words = [`open::${USB}`, 'say:begun', 'await:unplugged', `open::${USB}`, `stat:${USB}`, 'say:gone'];
  const back = ['await:plugged', `open::${USB}`, 'speed'];
  const running = luo.start(['run', `--serial=ttyUSB0=${port.path}`, '--', ...calls(...words, ...back)]);
  await running.says(/begun/);
  port.unplug();
  await running.warns(
    /port has been unplugged: its lines and settings are lost\. luo holds it again when it comes back/,
  );
  await luo.startCommand(['touch', 'unplugged']).result;
  await running.says(/gone/);
  port.plug();
  await running.warns(/port is back, and held/);
  await luo.startCommand(['touch', 'plugged']).result;
  const { code, stdout } = await running.result;
  equal(code, 0);
  deepEqual(linesOf(stdout).slice(2), ['open ENOENT', 'stat ENOENT', 'gone', 'open ok', 'speed 38400']);
});

test('a claim on a port of the host is good for as long as a program has it, and no longer', {
  skip: needsRoot,
}, async () => {
  await using luo = new Luo();
  using port = new FakePort();
  const nobody = ['fork', 'user:65534', `open::${USB}`, 'end', 'join'];
  const words = [`open::${USB}`, 'exclusive:1', ...nobody, 'close:0', ...nobody, `open::${USB}`, 'exclusive'];
  const { code, stdout, stderr } = await luo.run(['run', `--serial=ttyUSB0=${port.path}`, '--', ...calls(...words)]);
  equal(code, 0, stderr);
  deepEqual(linesOf(stdout), [
    ...['open ok', 'exclusive ok', 'open EBUSY', 'close ok', 'open ok', 'open ok', 'exclusive 0'],
  ]);
});

test('an open with O_NRESETDEV of a port that is held moves no line, not even one that is low', { skip }, async () => {
  await using luo = new Luo();
  const child = fileURLToPath(new URL('serial-host.test.child.js', import.meta.url));
  const { said, waveform } = await onPort(luo, 'ttyS0=8250', [process.execPath, child]);
  deepEqual(said, [
    ...['held: DTR RTS', 'kept: DTR', 'opened: DTR RTS'],
    ...['exclusive: EBUSY', 'exclusive: ok', 'left behind: 0', 'closed: ENODEV'],
  ]);
  deepEqual(
    [levels(waveform, 'DTR'), levels(waveform, 'RTS')],
    [
      [0, 1, 0],
      [0, 1, 0, 1, 0],
    ],
  );
});

test('a port of the host is preserved over kexec, with what was not read', { skip }, async () => {
  await using luo = new Luo();
  using port = new FakePort();
  const first = [`open::${USB}`, 'raw:9600', 'say:begun', 'await:go', 'preserve:1', 'kexec'];
  const second = ['retrieve:1', 'finish', 'speed', 'line', 'write:again', 'say:end', 'await:end'];
  const argv = calls(...first, 'next', ...second);
  const running = luo.start(['run', '--preserve=ttys', `--serial=ttyUSB0=${port.path}`, '--', ...argv]);
  await running.says(/begun/);
  writeSync(port.master, 'early\n');
  await luo.startCommand(['touch', 'go']).result;
  await running.says(/end/);
  equal(await port.read(), 'again');
  await luo.startCommand(['touch', 'end']).result;
  const { code, stdout, stderr } = await running.result;
  equal(code, 0, stderr);
  deepEqual(linesOf(stdout).slice(3), [
    ...['preserve ok', 'retrieve ok', 'finish ok', 'speed 9600', 'line early', 'write ok', 'end'],
  ]);
});

test('a preserved port of the host keeps what was not read, whoever opens it before it is retrieved', {
  skip,
}, async () => {
  await using luo = new Luo();
  using port = new FakePort();
  const first = [`open::${USB}`, 'raw:9600', 'say:begun', 'await:go', 'preserve:1', 'kexec'];
  const second = [`open:n:${USB}`, 'close:0', 'retrieve:1', 'finish', 'in'];
  const argv = calls(...first, 'next', ...second);
  const running = luo.start(['run', '--preserve=ttys', `--serial=ttyUSB0=${port.path}`, '--', ...argv]);
  await running.says(/begun/);
  writeSync(port.master, 'early\n');
  await luo.startCommand(['touch', 'go']).result;
  const { code, stdout, stderr } = await running.result;
  equal(code, 0, stderr);
  deepEqual(linesOf(stdout).slice(4), ['open ok', 'close ok', 'retrieve ok', 'finish ok', 'in 6']);
});

test('what is no terminal is not opened to be held', async () => {
  await using luo = new Luo();
  const { code, stderr } = await luo.run(['run', '--serial=ttyUSB0=/dev/null', '--', 'true']);
  equal(code, 125);
  match(stderr, /Cannot hold \/dev\/null as ttyUSB0: it is no terminal\. luo serial list shows/);
  match((await luo.run(['run', '--serial=ttyUSB0=/dev/tty', '--', 'true'])).stderr, /it is the terminal of a screen/);
});

test('luo says why a port of the host cannot be held', { skip: needsUser }, async () => {
  await using luo = new Luo();
  chmodSync(luo.directory, 0o777);
  using port = new FakePort();
  const run = async () => {
    const prefix = typeof asUser === 'string' ? [] : asUser;
    const { code, stderr } = await luo.run(['run', `--serial=ttyUSB0=${port.path}`, '--', 'true'], { prefix });
    equal(code, 125, stderr);
    return stderr;
  };
  chmodSync(port.path, 0o600);
  match(await run(), /Cannot hold \S+ as ttyUSB0: you may not open it\. (The group|Its owner)/);
  chmodSync(port.path, 0o666);
  const peer = openPeer(port.master, O_RDWR | O_NONBLOCK);
  ioctl(peer, ttyCommands.TIOCEXCL, new Uint8Array(4));
  match(await run(), /Cannot hold \S+ as ttyUSB0: a program has it for itself alone \(TIOCEXCL\)/);
  close(peer);
  ok(port.path.startsWith('/dev/'));
});
