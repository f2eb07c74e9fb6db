import { equal } from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { writeAll } from './write-all.js';

test('writeAll() writes all into a pipe that does not block, though its reader is slower', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'luo-write-'));
  const fifo = join(directory, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const pipe = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  try {
    // More than a pipe holds.
    const bytes = 1 << 20;
    const reader = spawn('sh', ['-c', `head -c ${bytes} "$0" | wc -c`, fifo], { stdio: ['ignore', 'pipe', 'inherit'] });
    writeAll(pipe, 'x'.repeat(bytes));
    equal(Number(await text(reader.stdout)), bytes);
  } finally {
    closeSync(pipe);
    rmSync(directory, { recursive: true });
  }
});
