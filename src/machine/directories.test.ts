import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { logDirectory, logFile, makePrivateDirectory, runtimeDirectory, SetupError } from './directories.js';

const root = mkdtempSync(join(tmpdir(), 'luo-directories-'));
after(() => rmSync(root, { recursive: true }));

beforeEach(() => {
  for (const name of ['LUO_RUNTIME_DIR', 'XDG_RUNTIME_DIR', 'XDG_STATE_HOME']) delete process.env[name];
});

test('machines are in LUO_RUNTIME_DIR, else in XDG_RUNTIME_DIR, else where this user may write', () => {
  const user = process.getuid?.();
  assert.equal(runtimeDirectory(), user === 0 ? '/run/luo' : join(tmpdir(), `luo-${user}`));
  process.env['XDG_RUNTIME_DIR'] = '/xdg';
  assert.equal(runtimeDirectory(), '/xdg/luo');
  process.env['LUO_RUNTIME_DIR'] = '/own';
  assert.equal(runtimeDirectory(), '/own');
  process.env['LUO_RUNTIME_DIR'] = 'relative';
  assert.equal(runtimeDirectory(), join(process.cwd(), 'relative'));
  process.env['LUO_RUNTIME_DIR'] = '';
  assert.equal(runtimeDirectory(), '/xdg/luo', 'an empty variable is none');
});

test('logs are in XDG_STATE_HOME, else in .local/state of the home directory', () => {
  assert.equal(logDirectory(), join(homedir(), '.local/state/luo'));
  process.env['XDG_STATE_HOME'] = '/state';
  assert.equal(logFile('a'), '/state/luo/a.log');
});

test('makePrivateDirectory() makes a directory for this user alone, with those above it', () => {
  const path = join(root, 'a', 'b');
  makePrivateDirectory(path, '');
  assert.equal(statSync(path).mode & 0o777, 0o700);
  makePrivateDirectory(path, '');
});

test('makePrivateDirectory() says what is wrong and what to do', () => {
  const file = join(root, 'file');
  writeFileSync(file, '');
  const refuses = (path: string, message: RegExp) =>
    assert.throws(
      () => makePrivateDirectory(path, 'Do this'),
      (error) => error instanceof SetupError && message.test(error.message),
    );
  refuses(file, /^Cannot use the directory \/.*\/file: .*\. Do this$/);
  refuses(join(file, 'below'), /^Cannot use the directory \/.*\/below: .*\. Do this$/);
  if (process.getuid?.() !== 0) refuses('/', /^Cannot use the directory \/: it belongs to another user\. Do this$/);
});
