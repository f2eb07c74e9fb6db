/** A program of `serialport` with the binding of luo: serial-stream.mjs PORT VERB..., each done in turn. */
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { SerialPortStream } from '@serialport/stream';
import { LuoBinding } from 'luo/serialport';

const [path, ...verbs] = process.argv.slice(2);
let options = { binding: LuoBinding, path, baudRate: 115200 };
let port;

function call(method, ...args) {
  return new Promise((resolve, reject) =>
    port[method](...args, (error, value) => (error ? reject(error) : resolve(value))),
  );
}

const actions = {
  allow: () => (options = { ...options, reset: 'allow' }),
  hupcl: () => (options = { ...options, hupcl: true }),
  rtscts: () => (options = { ...options, rtscts: true }),
  async open() {
    port = new SerialPortStream(options);
    await once(port, 'open');
  },
  async echo() {
    port.write('hello\n');
    let text = '';
    while (!text.includes('\n')) {
      const [part] = await once(port, 'data');
      text += part;
    }
    console.log(`echo: ${text.trimEnd()}`);
  },
  drain: () => call('drain'),
  flush: () => call('flush'),
  update: () => call('update', { baudRate: 57600 }),
  'lines-off': () => call('set', { dtr: false, rts: false }),
  'lines-on': () => call('set', { dtr: true, rts: true }),
  async get() {
    console.log(JSON.stringify(await call('get')));
  },
  close: () => call('close'),
  async gone() {
    port.resume();
    console.log('waits');
    const [error] = await once(port, 'close');
    console.log(`gone: disconnected ${error?.disconnected}`);
  },
  async list() {
    console.log((await LuoBinding.list()).map(({ path }) => path).join(' '));
  },
  pause: () => setTimeout(1500),
};

for (const verb of verbs) {
  try {
    await actions[verb]();
  } catch (error) {
    console.log(`${verb}: ${error.code}: ${error.message}`);
    process.exit(0);
  }
}
