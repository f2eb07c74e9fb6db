/** The binding as programs of serialport use it, on pseudo-terminals: they have no lines, and the same bytes. */
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SerialPortStream } from '@serialport/stream';
import ts from 'typescript';
import { openByteStream } from '../host/byte-stream.js';
import { close } from '../host/descriptors.js';
import { HUPCL } from '../uapi/tty.js';
import { getTermios, setExclusive } from './port.js';
import { LuoBinding, type LuoOpenOptions, LuoPort, LuoPortError } from './serialport.js';
import { openPty, openTerminal } from './testing/pty.js';

// Nobody's ports are held here.
const directory = mkdtempSync(join(tmpdir(), 'luo-binding-'));
process.env['LUO_RUNTIME_DIR'] = directory;
after(() => rmSync(directory, { recursive: true }));

/** A pseudo-terminal, and what is at its other end. */
function pair(t: TestContext) {
  const { master, path } = openPty();
  const far = openByteStream(master);
  far.on('error', () => {});
  close(master);
  t.after(() => far.destroy());
  return { path, far };
}

async function openStream(path: string, options: Partial<LuoOpenOptions> = {}) {
  const port = new SerialPortStream({ binding: LuoBinding, path, baudRate: 115200, ...options });
  await once(port, 'open');
  return port;
}

const done = (call: (callback: (error?: Error | null) => void) => void) =>
  new Promise<void>((resolve, reject) => call((error) => (error ? reject(error) : resolve())));

const descriptors = () => readdirSync('/proc/self/fd').length;

test('bytes pass through a stream of serialport as they are, both ways', async (t) => {
  const { path, far } = pair(t);
  const port = await openStream(path);
  const all = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
  const sent = once(far, 'data');
  await done((callback) => port.write(all, callback));
  deepEqual((await sent)[0], all);
  far.write(all);
  let got = Buffer.alloc(0);
  for await (const part of port) {
    got = Buffer.concat([got, part]);
    if (got.length === all.length) break;
  }
  deepEqual(got, all);
});

test('drain, flush and update work, and the speed is any that is asked for', async (t) => {
  const { path, far } = pair(t);
  far.resume();
  const port = await openStream(path, { baudRate: 74880 });
  deepEqual(await port.port?.getBaudRate(), { baudRate: 74880 });
  await done((callback) => port.write('x', undefined, callback));
  await done((callback) => port.drain(callback));
  await done((callback) => port.flush(callback));
  await done((callback) => port.update({ baudRate: 31250 }, callback));
  deepEqual(await port.port?.getBaudRate(), { baudRate: 31250 });
  await done((callback) => port.close(callback));
});

test('a terminal without lines says so where they are asked for', async (t) => {
  const { path } = pair(t);
  const port = await LuoBinding.open({ path, baudRate: 9600 });
  await rejects(port.get(), {
    name: 'LuoPortError',
    code: 'ENOTTY',
    message: `Cannot read the lines of ${path}: the kernel says ENOTTY (TIOCMGET)`,
  });
  await rejects(port.set({ dtr: true, rts: true }), { code: 'ENOTTY' });
  await port.close();
});

test('settings are those that were asked for, without HUPCL, and complete', async (t) => {
  const { path } = pair(t);
  const port = await LuoBinding.open({ path, baudRate: 9600, dataBits: 7, parity: 'even' });
  ok(port instanceof LuoPort);
  equal(port.openOptions.stopBits, 1);
  equal(port.openOptions.reset, 'refuse');
  const other = openTerminal(path);
  equal(getTermios(other).controlFlags & HUPCL, 0);
  close(other);
  await port.close();
});

test('a device that goes away closes the stream with an error that says disconnected', async (t) => {
  const { path, far } = pair(t);
  const port = await openStream(path);
  port.resume();
  const closed = once(port, 'close');
  far.destroy();
  const [error] = await closed;
  equal(error.disconnected, true);
  match(error.message, /^Cannot use \/dev\/pts\/\d+ any more: its device is gone/);
  equal(port.isOpen, false);
});

test('what came before the device went away is still read, and then it is gone for every call', async (t) => {
  const { path, far } = pair(t);
  const port = await LuoBinding.open({ path, baudRate: 9600 });
  await new Promise((resolve) => far.write('last words', resolve));
  const buffer = Buffer.alloc(64);
  const { bytesRead } = await port.read(buffer, 0, 64);
  equal(buffer.toString('utf8', 0, bytesRead), 'last words');
  far.destroy();
  await rejects(port.read(buffer, 0, 64), { disconnect: true, code: 'EIO' });
  await rejects(port.write(Buffer.from('x')), { disconnect: true });
  await rejects(port.update({ baudRate: 19200 }), { disconnect: true });
  await port.close();
});

test('a close ends what waits as canceled, and leaves no descriptor behind', async (t) => {
  const { path } = pair(t);
  const before = descriptors();
  const port = await LuoBinding.open({ path, baudRate: 9600 });
  const reads = [port.read(Buffer.alloc(8), 0, 8), port.read(Buffer.alloc(8), 0, 8)];
  // More than a pseudo-terminal keeps that nobody reads.
  const write = port.write(Buffer.alloc(1 << 20));
  const results = Promise.allSettled([...reads, write]);
  await port.close();
  for (const result of await results) {
    equal(result.status, 'rejected');
    ok(result.status === 'rejected' && result.reason instanceof LuoPortError && result.reason.canceled);
  }
  equal(descriptors(), before);
  equal(port.isOpen, false);
  await rejects(port.close(), { message: 'Port is not open', canceled: true });
  await rejects(port.read(Buffer.alloc(8), 0, 8), { canceled: true });
  await rejects(port.drain(), { canceled: true });
});

test('a short read leaves the rest for the next one, and flush drops it', async (t) => {
  const { path, far } = pair(t);
  const port = await LuoBinding.open({ path, baudRate: 9600 });
  far.write('abcdef');
  const buffer = Buffer.alloc(8, '.');
  equal((await port.read(buffer, 1, 2)).bytesRead, 2);
  equal((await port.read(buffer, 4, 2)).bytesRead, 2);
  equal(buffer.toString(), '.ab.cd..');
  await port.flush();
  far.write('g');
  equal((await port.read(buffer, 0, 8)).bytesRead, 1);
  equal(buffer.toString('utf8', 0, 1), 'g');
  await port.close();
});

test('a locked port is refused, and free again after the close', async (t) => {
  const { path } = pair(t);
  const port = await LuoBinding.open({ path, baudRate: 9600 });
  const before = descriptors();
  await rejects(LuoBinding.open({ path, baudRate: 9600 }), {
    code: 'EAGAIN',
    message: `Cannot open ${path}: another program has locked it`,
  });
  equal(descriptors(), before);
  const second = await LuoBinding.open({ path, baudRate: 9600, lock: false });
  await second.close();
  await port.close();
  await (await LuoBinding.open({ path, baudRate: 9600 })).close();
});

test('what cannot be opened is said in a sentence', async (t) => {
  const open = (path: string) => LuoBinding.open({ path, baudRate: 9600 });
  await rejects(open('/dev/no-such-port'), {
    name: 'LuoPortError',
    message: /^Cannot open \/dev\/no-such-port: there is no such device/,
  });
  await rejects(open('/dev/null'), /it is no terminal/);
  await rejects(LuoBinding.open({ path: '/dev/null', baudRate: 0 }), { name: 'RangeError' });
  const { path } = pair(t);
  const port = await LuoBinding.open({ path, baudRate: 9600 });
  await rejects(port.read(Buffer.alloc(4), 2, 4), {
    name: 'RangeError',
    message: 'Cannot read 4 bytes to 2 of a buffer of 4',
  });
  await rejects(port.update({ baudRate: -1 }), { name: 'RangeError' });
  // What programs without types may say.
  await rejects(port.write('text' as unknown as Buffer), { name: 'TypeError' });
  await rejects(port.read('text' as unknown as Buffer, 0, 1), { name: 'TypeError' });
  await port.close();
});

test('the ports of this computer are listed as serialport wants them', async () => {
  for (const info of await LuoBinding.list()) match(info.path, /^\/dev\//);
});

test('a port that a program has for itself alone is refused to everybody but root', async (t) => {
  const { path } = pair(t);
  const owner = openTerminal(path);
  setExclusive(owner, true);
  if (process.getuid?.() === 0) await (await LuoBinding.open({ path, baudRate: 9600 })).close();
  else await rejects(LuoBinding.open({ path, baudRate: 9600 }), { code: 'EBUSY', message: /TIOCEXCL/ });
  close(owner);
});

test('the binding has the types that serialport wants', () => {
  const file = join(directory, 'program.ts');
  // Their package says where its types are to old ways of resolution alone.
  const options = { module: ts.ModuleKind.CommonJS, moduleResolution: ts.ModuleResolutionKind.Node10 };
  symlinkSync(fileURLToPath(new URL('../../node_modules', import.meta.url)), join(directory, 'node_modules'));
  const ours = fileURLToPath(new URL('./serialport.js', import.meta.url));
  writeFileSync(
    file,
    `import type { BindingInterface, BindingPortInterface } from '@serialport/bindings-interface';
     import { SerialPortStream } from '@serialport/stream';
     import { LuoBinding, type LuoOpenOptions } from '${ours}';
     export const binding: BindingInterface<BindingPortInterface, LuoOpenOptions> = LuoBinding;
     export const port = new SerialPortStream({ binding: LuoBinding, path: '/dev/ttyS0', baudRate: 9600, reset: 'allow' });
     // @ts-expect-error
     export const wrong = new SerialPortStream({ binding: LuoBinding, path: '/dev/ttyS0', baudRate: 9600, reset: 1 });`,
  );
  const program = ts.createProgram([file], { ...options, strict: true, skipLibCheck: true, noEmit: true });
  const problems = ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '));
  deepEqual(problems, []);
});
