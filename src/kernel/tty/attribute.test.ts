/**
 * Why the wish belongs to the open: an attribute of the port, which every open obeys, goes wrong in three orders of two
 * programs, and O_NRESETDEV in none of them.
 */
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { TtyBench } from './testing/tty-bench.js';

/** An attribute such as a file in sysfs would be: it tells all opens of the port to keep. */
class PortWithAttribute {
  readonly bench = new TtyBench('ttyS0=8250,esp32');
  keeps = false;

  constructor() {
    this.bench.tty.configure();
    this.bench.clock.advance(10_000);
  }

  open(): void {
    this.bench.open({ keep: this.keeps });
  }
}

/** How often the board was reset by now. */
function resets({ board, clock }: TtyBench): number {
  clock.advance(1_000_000);
  return board.counts()['resets'] ?? Number.NaN;
}

const up = { dtr: true, rts: true };
const low = { dtr: false, rts: false };

test('a program that opens while another one has set the attribute does not get the lines that it counts on', () => {
  const port = new PortWithAttribute();
  port.keeps = true;
  // The second program knows nothing of it, and wants its terminal as ever.
  port.open();
  deepEqual(port.bench.lines, low);
});

test('two good citizens that put the attribute back leave it set for ever', () => {
  const port = new PortWithAttribute();
  const first = port.keeps;
  port.keeps = true;
  const second = port.keeps;
  port.keeps = true;
  port.open();
  port.bench.close();
  port.keeps = first;
  port.keeps = second;
  equal(port.keeps, true);
  // Everybody who opens from now on gets a port with low lines.
  port.open();
  deepEqual(port.bench.lines, low);
});

test('a program whose attribute another one has cleared moves the lines that it meant to keep', () => {
  const port = new PortWithAttribute();
  port.keeps = true;
  port.keeps = true;
  // The first one does its work, and cleans up.
  port.open();
  port.bench.close();
  port.keeps = false;
  // The second one opens, and believes that it keeps.
  port.open();
  deepEqual(port.bench.lines, up);
});

/** The same three orders with the flag: each open says for itself what it wants. */
const orders: Readonly<Record<string, readonly boolean[]>> = {
  'one that wants to keep, and one that does not': [true, false],
  'two that want to keep, and then one that does not': [true, true, false],
  'two that want to keep, one after the other': [true, true],
};
for (const [order, wishes] of Object.entries(orders)) {
  test(`with O_NRESETDEV each open gets what it wants: ${order}`, () => {
    const { bench } = new PortWithAttribute();
    const booted = resets(bench);
    for (const keep of wishes) {
      bench.open({ keep });
      deepEqual(bench.lines, keep ? low : up);
      bench.close();
    }
    if (!wishes.includes(false)) equal(resets(bench), booted);
  });
}
