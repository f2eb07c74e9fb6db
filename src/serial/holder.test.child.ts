/** A holder of any terminal, also of one that has no lines: holder.test.child.js PATH OPTIONS. */
import { deviceAt } from './device.js';
import { Hold, type HoldOptions } from './hold.js';
import { Holder } from './holder.js';

const [path = '', options = '{}'] = process.argv.slice(2);
// The test writes them.
const given = JSON.parse(options) as Partial<HoldOptions>;

const holder = new Holder({
  lines: {},
  leave: 'lines',
  ...given,
  path,
  say: (message) => void process.stdout.write(`${message}\n`),
  open: (at, how) => Hold.of(deviceAt(at, `hold ${at}`), how),
});
process.on('SIGTERM', () => holder.end());
await holder.run();
