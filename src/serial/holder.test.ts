/** The process that holds a port, with a pseudo-terminal in place of a port: all but the lines. */
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { readdirSync, symlinkSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { close } from '../host/descriptors.js';
import { connectTo, receiveMessage, sendMessage } from '../host/unix-socket.js';
import { eventually, Luo, type Running } from '../testing/luo.js';
import { ECHO, HUPCL } from '../uapi/tty.js';
import { ask } from './ask.js';
import { claims, socketOf } from './claims.js';
import { deviceAt } from './device.js';
import type { HoldOptions } from './hold.js';
import { getTermios, isExclusive, setExclusive, setTermios, unreadBytes } from './port.js';
import { LuoBinding } from './serialport.js';
import { openPty, openTerminal } from './testing/pty.js';

const program = fileURLToPath(new URL('./holder.test.child.js', import.meta.url));

/** A terminal under a path that can go away, and what holds it. */
class Bench implements AsyncDisposable {
  readonly luo = new Luo();
  readonly path = join(this.luo.directory, 'port');
  master = -1;

  constructor() {
    // The holders that this process asks are those of the test.
    process.env['LUO_RUNTIME_DIR'] = this.luo.env['LUO_RUNTIME_DIR'];
    this.plug();
  }

  plug(): void {
    const { master, path } = openPty();
    this.master = master;
    symlinkSync(path, this.path);
  }

  unplug(): void {
    unlinkSync(this.path);
    close(this.master);
    this.master = -1;
  }

  hold(options: Partial<HoldOptions> = {}): Running {
    return this.luo.startCommand([process.execPath, program, this.path, JSON.stringify(options)]);
  }

  get socket(): string {
    return socketOf(deviceAt(this.path, 'test').key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.luo[Symbol.asyncDispose]();
    if (this.master >= 0) close(this.master);
  }
}

test('a holder takes HUPCL and echo off, and puts back the echo at its end', async () => {
  await using bench = new Bench();
  const before = openTerminal(bench.path);
  setTermios(before, { ...getTermios(before), controlFlags: getTermios(before).controlFlags | HUPCL });
  close(before);
  const holder = bench.hold();
  await holder.says(/^holds .*\nit has no lines that could move$/m);
  const terminal = openTerminal(bench.path);
  deepEqual([getTermios(terminal).controlFlags & HUPCL, getTermios(terminal).localFlags & ECHO], [0, 0]);
  close(terminal);
  holder.child.kill('SIGTERM');
  const { code, signal, stdout } = await holder.result;
  deepEqual([code, signal], [0, undefined]);
  match(stdout, /\nlets go of \S+\/port\n$/);
  const after = openTerminal(bench.path);
  deepEqual([getTermios(after).controlFlags & HUPCL, getTermios(after).localFlags & ECHO], [0, ECHO]);
  close(after);
  await bench.luo.nothingIsLeft();
});

test('--leave found puts back every setting', async () => {
  await using bench = new Bench();
  const terminal = openTerminal(bench.path);
  setTermios(terminal, { ...getTermios(terminal), controlFlags: getTermios(terminal).controlFlags | HUPCL });
  const found = getTermios(terminal);
  const holder = bench.hold({ leave: 'found' });
  await holder.says(/^holds/);
  setTermios(terminal, { ...getTermios(terminal), localFlags: 0, inputFlags: 0 });
  holder.child.kill('SIGTERM');
  await holder.result;
  deepEqual(getTermios(terminal), found);
  close(terminal);
});

test('what programs leave behind is undone when they are gone, and not before', async () => {
  await using bench = new Bench();
  const holder = bench.hold();
  await holder.says(/^holds/);
  const script = `const fs = require('node:fs'); const fd = fs.openSync(${JSON.stringify(bench.path)}, 'r+');
    process.stdout.write('open'); process.stdin.on('data', () => process.exit()).resume();`;
  const user = bench.luo.startCommand([process.execPath, '-e', script], { keepInput: true });
  await user.says(/open/);
  // The program that sets them is not this process, which has no descriptor of it.
  const terminal = openTerminal(bench.path);
  setExclusive(terminal, true);
  setTermios(terminal, { ...getTermios(terminal), controlFlags: getTermios(terminal).controlFlags | HUPCL });
  close(terminal);
  const reply = await ask(bench.socket, { request: 'open', lock: false });
  match(JSON.stringify(reply?.answer), /node \(process \d+\) has it for itself alone \(TIOCEXCL\)/);
  if (reply !== undefined) close(reply.connection);
  user.child.stdin?.end('x');
  await user.result;
  await holder.says(/^a program that is gone had \S+port for itself alone \(TIOCEXCL\): opened to all again$/m);
  const later = openTerminal(bench.path);
  equal(isExclusive(later), false);
  equal(getTermios(later).controlFlags & HUPCL, 0);
  close(later);
});

test('what nobody reads is dropped before it fills the terminal', async () => {
  await using bench = new Bench();
  const holder = bench.hold();
  await holder.says(/^holds/);
  const raw = openTerminal(bench.path);
  setTermios(raw, { ...getTermios(raw), localFlags: 0 });
  writeSync(bench.master, Buffer.alloc(3000, 'x'));
  await eventually('all has come', () => (unreadBytes(raw) === 3000 ? true : undefined));
  close(raw);
  await eventually('nothing is unread', () => {
    const look = openTerminal(bench.path);
    const unread = unreadBytes(look);
    close(look);
    return unread === 0 ? true : undefined;
  });
});

test('a descriptor is handed out without an open, and a lock lasts as long as its program', async () => {
  await using bench = new Bench();
  const holder = bench.hold({ exclusive: true });
  await holder.says(/^holds/);
  const port = await LuoBinding.open({ path: bench.path, baudRate: 9600 });
  await rejects(LuoBinding.open({ path: bench.path, baudRate: 9600 }), {
    name: 'LuoPortError',
    code: 'EBUSY',
    message: `Cannot open ${bench.path}: another program has locked it`,
  });
  await (await LuoBinding.open({ path: bench.path, baudRate: 9600, lock: false })).close();
  await port.close();
  const again = await eventually('the lock is free', () =>
    LuoBinding.open({ path: bench.path, baudRate: 9600 }).catch(() => undefined),
  );
  await again.close();
});

test('a second holder of the same device is refused, with the way to end the first', async () => {
  await using bench = new Bench();
  const first = bench.hold();
  await first.says(/^holds/);
  const { code, stderr } = await bench.hold().result;
  equal(code, 1);
  match(stderr, /Cannot hold \S+port: another luo \(process \d+\) holds it already. End that with: luo serial release/);
});

test('a device that goes away is waited for, and held again when it is back', async () => {
  await using bench = new Bench();
  const holder = bench.hold();
  await holder.says(/^holds/);
  const port = await LuoBinding.open({ path: bench.path, baudRate: 9600 });
  const reading = port.read(Buffer.alloc(1), 0, 1);
  bench.unplug();
  await rejects(reading, { disconnect: true });
  await port.close();
  await holder.says(/port is gone: unplugged, or hung up/);
  deepEqual(
    [...claims().values()].map(({ state }) => state),
    ['waiting'],
  );
  const waiting = await ask(socketOf(`waiting-${holder.pid}`), { request: 'open', lock: false });
  match(JSON.stringify(waiting?.answer), /it is unplugged; luo waits for it to come back/);
  if (waiting !== undefined) close(waiting.connection);
  bench.plug();
  await holder.says(/^holds [\s\S]*^holds /m);
  await (await LuoBinding.open({ path: bench.path, baudRate: 9600 })).close();
  holder.child.kill('SIGTERM');
  equal((await holder.result).code, 0);
  await bench.luo.nothingIsLeft();
});

test('luo serial list and release find a holder, also one that waits', async () => {
  await using bench = new Bench();
  const holder = bench.hold();
  await holder.says(/^holds/);
  const list = await bench.luo.run(['serial', 'list']);
  match(list.stdout, new RegExp(`^\\S+/port .*luo \\(${holder.pid}\\) `, 'm'));
  const { stdout } = await bench.luo.run(['serial', 'list', '--json']);
  // What the command prints.
  const rows = JSON.parse(stdout) as { path: string; holder: unknown }[];
  deepEqual(rows.find(({ path }) => path === bench.path)?.holder, { pid: holder.pid, state: 'held' });
  bench.unplug();
  await holder.says(/is gone/);
  match((await bench.luo.run(['serial', 'list'])).stdout, /luo \(\d+\), unplugged/);
  equal((await bench.luo.run(['serial', 'release', bench.path])).code, 0);
  equal((await holder.result).code, 0);
  await bench.luo.nothingIsLeft();
});

test('anything may be said to a holder, which goes on', async () => {
  await using bench = new Bench();
  const holder = bench.hold();
  await holder.says(/^holds/);
  for (const text of ['no JSON', '1', 'null', '{}', '{"request":"dance"}']) {
    const connection = connectTo(bench.socket);
    sendMessage(connection, text);
    const answer = await eventually('it answers', () => receiveMessage(connection));
    match(answer.text, /Cannot serve a request: this version of luo does not know it/);
    close(connection);
  }
  // One that goes before it can be answered.
  const hasty = connectTo(bench.socket);
  sendMessage(hasty, '{"request":"status"}');
  close(hasty);
  const reply = await ask(bench.socket, { request: 'status' });
  deepEqual(reply?.answer, { status: { path: bench.path, exclusive: false } });
  if (reply !== undefined) close(reply.connection);
});

test('a holder that is stopped is named, and one that was killed is not missed', async () => {
  await using bench = new Bench();
  const holder = bench.hold();
  await holder.says(/^holds/);
  holder.child.kill('SIGSTOP');
  await rejects(LuoBinding.open({ path: bench.path, baudRate: 9600 }), /does not answer at .*\(Ctrl-Z\)/);
  holder.child.kill('SIGKILL');
  await holder.result;
  await (await LuoBinding.open({ path: bench.path, baudRate: 9600 })).close();
  const next = bench.hold();
  await next.says(/^holds/);
});

test('asking leaves no descriptor behind', async () => {
  await using bench = new Bench();
  const holder = bench.hold();
  await holder.says(/^holds/);
  const before = readdirSync('/proc/self/fd').length;
  const port = await LuoBinding.open({ path: bench.path, baudRate: 9600 });
  ok(readdirSync('/proc/self/fd').length > before);
  await port.close();
  equal(readdirSync('/proc/self/fd').length, before);
  equal(await ask(join(tmpdir(), 'no-such-socket'), { request: 'status' }), undefined);
});

test('a runtime directory that cannot be used is named', async () => {
  await using bench = new Bench();
  const env = { LUO_RUNTIME_DIR: '/dev/null/run' };
  const { stderr } = await bench.luo.startCommand([process.execPath, program, bench.path], { env }).result;
  match(stderr, /Cannot use the directory \/dev\/null\/run: .*Set LUO_RUNTIME_DIR/);
});
