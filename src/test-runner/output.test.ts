import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Output } from './output.js';

const MARK = '\0mark ';

test('output belongs to the program between whose marks it stands, however it is cut', () => {
  const text = `before${MARK}none\nte\0wo${MARK}a\0mar${MARK}nthree\n${MARK}oafter`;
  fc.assert(
    fc.property(fc.array(fc.nat(text.length), { maxLength: 8 }), (cuts) => {
      const lines: string[] = [];
      const output = new Output(MARK, (line, stage) => lines.push(`${stage} ${line}`));
      const places = [0, ...cuts.sort((a, b) => a - b), text.length];
      for (const [index, place] of places.entries())
        output.append(Buffer.from(text.slice(places[index - 1] ?? 0, place)));
      assert.ok(output.isOver);
      assert.deepEqual(
        output.tries.map(({ stage, isRestart, output: said }) => [stage, isRestart, said]),
        [
          [1, false, 'one\nte\0wo'],
          [1, true, '\0mar'],
          [2, false, 'three\n'],
        ],
      );
      assert.deepEqual(lines.slice(0, 4), ['1 one', '1 te\0wo', '1 \0mar', '2 three']);
    }),
  );
});

test('a line is there as soon as it ends', () => {
  const lines: string[] = [];
  const output = new Output(MARK, (line) => lines.push(line));
  output.append(Buffer.from(`${MARK}nready\n`));
  assert.deepEqual(lines, ['ready']);
});

test('output that is cut off is what there was', () => {
  const output = new Output(MARK, () => {});
  output.append(Buffer.from(`${MARK}nlast words\0ma`));
  assert.ok(!output.isOver);
  output.end();
  assert.ok(output.isOver);
  assert.equal(output.tries[0]?.output, 'last words\0ma');
});
