/** What programs that use the library do where nothing is preserved. */
import { deepEqual, equal, match } from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Luo } from '../../testing/luo.js';
import { checkedName, defaultName } from './names.js';

const program = fileURLToPath(new URL('../../../test/programs/service-http.mjs', import.meta.url));
const command = [process.execPath, program, '1'];

async function answerOf(port: string | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', agent: false }, (response) => {
      response.setEncoding('utf8').on('data', resolve);
    }).on('error', reject);
  });
}

test('without a machine, a service is what server.listen() makes of it, and nobody is told anything', async () => {
  await using luo = new Luo();
  const running = luo.startCommand(command, { env: { LUO_MACHINE: '' } });
  const [, port] = await running.says(/^1 listens (\d+) stays false 0$/m);
  equal(await answerOf(port), '1 / ');
  running.child.kill();
  equal((await running.result).stderr, '');
});

test('on a machine that preserves no sockets it serves, says so once, and gets ready for updates', async () => {
  await using luo = new Luo();
  const running = luo.start(['run', '--name', 'm', '--', ...command]);
  const [, port] = await running.says(/^1 listens (\d+) stays false 0$/m);
  equal(await answerOf(port), '1 / ');
  const { code, stderr } = await luo.run(['kexec', 'm', '--', process.execPath, program, '2']);
  equal(code, 0, stderr);
  await running.says(/^1 is asked[\s\S]*^2 listens \d+ stays false 0$/m);
  const warnings = running.stderr.match(
    /Connections to "http" end at the next update: sockets do not pass here\. Start/g,
  );
  equal(warnings?.length, 2, running.stderr);
});

test('where the machine cannot be reached, a program says so and serves', async () => {
  await using luo = new Luo();
  const script = `process.env.LUO_RUNTIME_DIR = ${JSON.stringify(join(luo.directory, 'none'))};
    process.argv[2] = '1';
    await import(${JSON.stringify(program)});`;
  const running = luo.start(['run', '--name', 'm', '--', process.execPath, '--input-type=module', '-e', script]);
  await running.says(/^1 listens \d+ stays false 0$/m);
  await running.warns(
    /Cannot learn of updates from machine "m": .*ENOENT.*\. They come unannounced; run the program by/,
  );
});

test('a machine of a luo that announces nothing is one without announcements', async () => {
  await using luo = new Luo();
  const directory = join(luo.directory, 'old');
  const old = createServer((socket) =>
    socket.end('{"error":"Cannot serve a request: this version does not know it"}\n'),
  );
  mkdirSync(join(directory, 'm'), { recursive: true });
  await new Promise<void>((resolve) => old.listen(join(directory, 'm', 'control.sock'), resolve));
  const script = `process.env.LUO_RUNTIME_DIR = ${JSON.stringify(directory)};
    process.argv[2] = '1';
    await import(${JSON.stringify(program)});`;
  const running = luo.start(['run', '--name', 'm', '--', process.execPath, '--input-type=module', '-e', script]);
  await running.warns(
    /Cannot learn of updates from machine "m": Cannot serve a request: this version does not know it/,
  );
  old.close();
});

test('a machine that ends the connection announces nothing', async () => {
  await using luo = new Luo();
  const directory = join(luo.directory, 'mute');
  const mute = createServer((socket) => socket.destroy());
  mkdirSync(join(directory, 'm'), { recursive: true });
  await new Promise<void>((resolve) => mute.listen(join(directory, 'm', 'control.sock'), resolve));
  const script = `process.env.LUO_RUNTIME_DIR = ${JSON.stringify(directory)};
    process.argv[2] = '1';
    await import(${JSON.stringify(program)});`;
  const running = luo.start(['run', '--name', 'm', '--', process.execPath, '--input-type=module', '-e', script]);
  await running.warns(/Cannot learn of updates from machine "m": .*(does not answer|ECONNRESET|EPIPE)/);
  mute.close();
});

test('a subscription keeps no program alive', async () => {
  await using luo = new Luo();
  const script = `import { onUpdate } from ${JSON.stringify(fileURLToPath(new URL('../../index.js', import.meta.url)))};
    console.log(await onUpdate(() => {}).announced);`;
  for (const [expected, prefix] of [
    ['true\n', ['run', '--name', 'm', '--']],
    ['false\n', undefined],
  ] as const) {
    const node = [process.execPath, '--input-type=module', '-e', script];
    const running = prefix ? luo.start([...prefix, ...node]) : luo.startCommand(node);
    const { code, stdout, stderr } = await running.result;
    deepEqual({ code, stdout, stderr }, { code: 0, stdout: expected, stderr: '' });
  }
});

test('a service has the name of its address, and one that is told is checked', () => {
  equal(defaultName({ port: 80 }), '80');
  equal(defaultName({ port: 80, host: '::1' }), '::1:80');
  equal(defaultName({ path: '/run/socket' }), '/run/socket');
  equal(defaultName({ path: '\0abstract' }), '@abstract');
  match(defaultName({ path: `/${'x'.repeat(90)}` }), /^[0-9a-f]{40}$/);
  equal(checkedName('http'), 'http');
  for (const name of ['', 'x'.repeat(41), 'a\0b']) {
    let message = '';
    try {
      checkedName(name);
    } catch (error) {
      message = error instanceof RangeError ? error.message : '';
    }
    match(message, /^Cannot name a service .*: it has \d+ bytes, and 1 to 40 without a NUL are taken$/);
  }
});
