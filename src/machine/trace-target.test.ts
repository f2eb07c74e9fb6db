import { deepEqual, equal, match, throws } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openTrace } from './trace-target.js';

const directory = mkdtempSync(join(tmpdir(), 'luo-trace-'));
after(() => rmSync(directory, { recursive: true }));

const exit = { event: 'exit', at: 1, generation: 1, code: 0 } as const;
const step = { event: 'step', at: 1, generation: 1, depth: 1, nth: 1, step: 'freeze', microseconds: 2 } as const;

test('a trace is added to what the file has, each event at once', () => {
  const file = join(directory, 'json');
  writeFileSync(file, 'before\n');
  const trace = openTrace({ format: 'json', file });
  trace.write(exit);
  deepEqual(readFileSync(file, 'utf8').split('\n'), ['before', JSON.stringify(exit), '']);
  trace.write(step);
  equal(readFileSync(file, 'utf8').split('\n')[2], JSON.stringify(step));
  trace.close();
});

test('lines for people that were held back are there when it is closed', () => {
  const file = join(directory, 'text');
  const trace = openTrace({ format: 'text', file });
  trace.write(step);
  equal(readFileSync(file, 'utf8'), '');
  trace.close();
  match(readFileSync(file, 'utf8'), /freeze <2 us>\n$/);
});

test('a file that cannot be written is refused, with what to do', () => {
  throws(() => openTrace({ format: 'json', file: join(directory, 'nowhere', 'file') }), {
    name: 'SetupError',
    message: /^Cannot write the trace: ENOENT.*Name a file that you can write: --trace=FILE$/,
  });
});

test('where the disk is full, that is said once, and the machine goes on', () => {
  const program = `
    const { openTrace } = await import(${JSON.stringify(new URL('./trace-target.js', import.meta.url).href)});
    const { write, close } = openTrace({ format: 'json', file: '/dev/full' });
    for (let i = 0; i < 3; i += 1) write(${JSON.stringify(exit)});
    close();
    console.log('goes on');
  `;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  equal(stdout, 'goes on\n');
  match(stderr, /^luo: Cannot write the trace to \/dev\/full: ENOSPC[^\n]*The rest of it is lost\n$/);
});
