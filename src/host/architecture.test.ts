import { equal, match } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const cli = fileURLToPath(new URL('../cli/main.js', import.meta.url));

test('on an architecture without a table of system calls, luo says so', () => {
  const pretend = "data:text/javascript,Object.defineProperty(process, 'arch', { value: 'riscv64' })";
  const { status, stderr } = spawnSync(process.execPath, ['--import', pretend, cli, 'run', 'true'], {
    encoding: 'utf8',
  });
  match(stderr, /^luo: Cannot .*"riscv64".*x64 and arm64\n$/);
  equal(status, 125);
});
