import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { eventually } from '../testing/luo.js';
import { pendingSignals, whenNoneIsPending } from './pending-signals.js';

test('a signal is pending until its process takes it', async () => {
  const child = spawn('sleep', ['1000']);
  await once(child, 'spawn');
  const { pid } = child;
  assert.ok(pid);
  assert.equal(pendingSignals(pid), 'none');
  // A process that is stopped takes no other signals.
  child.kill('SIGSTOP');
  await eventually('it stops', () => (pendingSignals(pid) === 'none' ? true : undefined));
  child.kill('SIGTERM');
  assert.equal(pendingSignals(pid), 'shared');
  child.kill('SIGKILL');
  await once(child, 'exit');
});

test('a thread that is gone is as one that was killed', async () => {
  const child = spawn('true');
  await once(child, 'exit');
  assert.ok(child.pid);
  assert.equal(pendingSignals(child.pid), 'own');
});

test('what is done when none is pending is done at once, or after a while, or where the thread is gone', async () => {
  const child = spawn('sleep', ['1000']);
  await once(child, 'spawn');
  const { pid } = child;
  assert.ok(pid);
  assert.equal(
    whenNoneIsPending(pid, () => 'done'),
    'done',
  );
  child.kill('SIGSTOP');
  await eventually('it stops', () => (pendingSignals(pid) === 'none' ? true : undefined));
  child.kill('SIGTERM');
  assert.equal(
    whenNoneIsPending(pid, () => pendingSignals(pid)),
    'shared',
    'it is still pending',
  );
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.equal(
    whenNoneIsPending(pid, () => 'done'),
    'done',
  );
});
