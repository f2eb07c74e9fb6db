/** `luo serial hold` and `luo/serialport` with a real 8250 driver: what the lines of the port do, register by register. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { compile, noCompiler } from '../compile.js';
import { eventually } from '../luo.js';
import { cannotBoot, findImage } from './image.js';
import { Linux } from './linux.js';
import { filesOfSerial } from './node-files.js';
import { WatchedPort } from './serial-lines.js';

const found = findImage();
const skip = noCompiler() || cannotBoot(found);
const image = found ?? '';
const root = fileURLToPath(new URL('../../../', import.meta.url));
const PORT = '/dev/ttyS2';

/** A computer with a port that nothing has opened, and the two kinds of programs that use it. */
class Computer implements AsyncDisposable {
  private constructor(
    readonly directory: string,
    readonly port: WatchedPort,
    readonly linux: Linux,
    readonly opener: string,
  ) {}

  static async boot(): Promise<Computer> {
    const directory = mkdtempSync(join(tmpdir(), 'luo-serial-'));
    const port = new WatchedPort(directory);
    await port.ready();
    const opener = compile('test/programs/serial-open.c');
    const files = [...filesOfSerial(), opener, join(root, 'test/programs/serial-stream.mjs')];
    const { devices } = port;
    const linux = await Linux.boot({ image, files: [...new Set(files)], generations: 1, memory: 2048, devices });
    const computer = new Computer(directory, port, linux, opener);
    port.begin();
    return computer;
  }

  /** Runs a program that knows nothing of luo. */
  open(...verbs: readonly string[]): Promise<string> {
    return this.linux.run([this.opener, PORT, ...verbs]);
  }

  /** Runs a program of `serialport`. */
  stream(...verbs: readonly string[]): Promise<string> {
    return this.linux.run([process.execPath, join(root, 'test/programs/serial-stream.mjs'), PORT, ...verbs]);
  }

  luo(...args: readonly string[]): Promise<string> {
    return this.linux.run([process.execPath, join(root, 'dist/cli/main.js'), 'serial', ...args]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.linux[Symbol.asyncDispose]();
    this.port[Symbol.dispose]();
    rmSync(this.directory, { recursive: true });
  }
}

describe('a serial port on Linux', () => {
  test('moves no line while luo holds it, whatever opens and closes it', { skip }, async () => {
    await using computer = await Computer.boot();
    const { port } = computer;

    await computer.open('open', 'show', 'close', 'open');
    assert.deepEqual(port.edges(), ['+DTR +RTS', '-DTR -RTS', '+DTR +RTS', '-DTR -RTS'], 'what Linux does by itself');

    assert.match(await computer.stream('list'), /\/dev\/ttyS2/);
    assert.match(
      await computer.stream('open'),
      /^open: WOULD_RESET: Cannot open \/dev\/ttyS2: .*luo serial hold -d \/dev\/ttyS2/,
    );
    assert.deepEqual(port.edges(), [], 'a program of serialport is refused rather than that it resets a board');

    await computer.luo('hold', '-d', PORT);
    assert.deepEqual(port.edges(), ['+DTR +RTS'], 'the first open, which nothing can prevent');

    assert.equal(await computer.open('open', 'show'), 'dtr 1 rts 1 exclusive 0 hupcl 0 echo 0\n');
    await computer.open('open', 'close', 'open', 'raw', 'close');
    await computer.open('open', 'crtscts', 'no-crtscts', 'write');
    assert.deepEqual(port.edges(), [], 'programs that know nothing of luo');

    assert.equal(await computer.stream('rtscts', 'hupcl', 'open', 'close', 'open', 'flush', 'update', 'close'), '');
    assert.equal(await computer.stream('open', 'echo', 'drain', 'close'), 'echo: hello\n');
    assert.equal(await computer.stream('open', 'get'), '{"cts":true,"dsr":true,"dcd":true}\n');
    assert.deepEqual(port.edges(), [], 'programs of serialport, also one that ends without a close');

    await computer.stream('open', 'lines-off', 'lines-on', 'close');
    assert.deepEqual(port.edges(), ['-DTR -RTS', '+DTR +RTS'], 'both lines in one write, each time');

    await computer.luo('release', PORT);
    assert.deepEqual(port.edges(), [], 'the end of the holder');
    await computer.open('open', 'show');
    assert.deepEqual(port.edges(), [], 'HUPCL stays off for those that come later');
    await computer.linux.powerOff();
  });

  test('is freed of what programs leave behind, and held again after a hang-up', { skip }, async () => {
    await using computer = await Computer.boot();
    const { port } = computer;
    await computer.luo('hold', '-d', PORT);
    await computer.open('open', 'raw', 'exclusive', 'show');
    const nobody = () => computer.open('nobody', 'open', 'show');
    await eventually('TIOCEXCL of a program that is gone is cleared', async () =>
      (await nobody()) === 'dtr 1 rts 1 exclusive 0 hupcl 0 echo 0\n' ? true : undefined,
    );
    assert.deepEqual(port.edges(), ['+DTR +RTS']);

    await computer.open('open', 'hang-up');
    await eventually('a port that was hung up is held again', async () =>
      /"dtr": true/.test(await computer.luo('list', '--json')) ? true : undefined,
    );
    assert.equal(await computer.open('open', 'show'), 'dtr 1 rts 1 exclusive 0 hupcl 0 echo 0\n');
    assert.deepEqual(port.edges(), [], 'without HUPCL not even a hang-up moves a line');
    await computer.luo('release', PORT);
    await computer.linux.powerOff();
  });

  test('keeps a line low where it is held low: others are refused, and luo hands its own descriptor out', {
    skip,
  }, async () => {
    await using computer = await Computer.boot();
    const { port } = computer;
    await computer.luo('hold', '-d', '--lines', 'rts=off', PORT);
    assert.deepEqual(port.edges(), ['+DTR +RTS', '-RTS']);
    assert.equal(await computer.open('nobody', 'open'), 'open: EBUSY\n');
    assert.equal(await computer.stream('open', 'echo', 'close'), 'echo: hello\n');
    assert.deepEqual(port.edges(), []);
    await computer.luo('release', PORT);
    assert.deepEqual(port.edges(), []);
    await computer.linux.powerOff();
  });

  test('is opened without an edge where its speed is 0, and its lines are raised only where that is allowed', {
    skip,
  }, async () => {
    await using computer = await Computer.boot();
    const { port } = computer;
    await computer.open('open', 'b0');
    assert.deepEqual(port.edges(), ['+DTR +RTS', '-DTR -RTS']);
    await computer.luo('hold', '-d', '--share', PORT);
    assert.equal(await computer.open('open', 'show'), 'dtr 0 rts 0 exclusive 0 hupcl 0 echo 0\n');
    assert.match(await computer.stream('open'), /^open: WOULD_RESET: .*its speed is 0/);
    assert.deepEqual(port.edges(), []);
    assert.equal(await computer.stream('allow', 'open'), '');
    assert.deepEqual(port.edges(), ['+DTR +RTS']);
    await computer.linux.powerOff();
  });
});
