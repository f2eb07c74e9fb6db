/** `npm run bench`: every figure is compared with another one of the same run, since computers differ and are noisy. */
import { parseArgs } from 'node:util';
import { Luo } from '../testing/luo.js';
import { blackouts } from './blackout.js';
import { calls } from './calls.js';
import { format, type Table } from './figures.js';
import { scale } from './scale.js';
import { services } from './service.js';
import { startup } from './startup.js';

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, rounds: { type: 'string', default: '9' } },
});
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1)
  throw new RangeError(`Cannot measure ${values.rounds} rounds: give a number from 1 on`);

await using luo = new Luo();
const tables: Table[] = [];
for (const benchmark of [calls, blackouts, startup, scale, services]) {
  for (const table of await benchmark(luo, rounds)) {
    tables.push(table);
    if (!values.json) console.log(format(table));
  }
}
if (values.json) console.log(JSON.stringify(tables, undefined, 2));
