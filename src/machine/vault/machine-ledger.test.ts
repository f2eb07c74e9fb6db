/** What a machine writes down of its sessions: no more and no less than its programs were told. */
import { deepEqual, equal } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { createMemory, duplicate } from '../../host/descriptors.js';
import type { Running } from './held-state.js';
import { readJournal } from './journal.js';
import { MachineLedger } from './machine-ledger.js';
import { latestJournal, type Vault, VaultError } from './vault.js';

/** A vault in this process. */
class FakeVault implements Vault {
  readonly held = new Map<string, number>();
  isGone = false;

  put(name: string, descriptor: number): void {
    if (this.isGone) throw new VaultError('it is gone');
    this.held.set(name, duplicate(descriptor));
  }

  remove(name: string): void {
    if (this.isGone) throw new VaultError('it is gone');
    closeSync(this.held.get(name) ?? -1);
    this.held.delete(name);
  }

  get names(): string[] {
    return [...this.held.keys()];
  }

  state() {
    return readJournal(this.held.get(latestJournal(this.names)?.name ?? '') ?? -1);
  }

  /** `outgoing vm: 1` */
  lines(): string[] {
    return this.state().sessions.map(({ direction, session, files }) =>
      `${direction} ${Buffer.from(session, 'hex')}: ${[...files.keys()].join(' ')}`.trim(),
    );
  }
}

const running = (generation: number): Running => ({
  generation,
  command: { argv: ['a'], env: [], cwd: '/' },
  profile: 'linux',
  modules: [],
});
const session = (name: string, type: 'outgoing' | 'incoming' = 'outgoing') => ({
  type,
  name: { bytes: Buffer.from(name) },
});

function open(t: TestContext) {
  const vault = new FakeVault();
  const first = { isEnding: false };
  const ledger = new MachineLedger({ vault, names: [], firstIsEnding: () => first.isEnding });
  const memory = createMemory('file', false);
  t.after(() => closeSync(memory));
  ledger.began('boot', running(1));
  ledger.called(process.pid);
  const preserve = (name: string, token: bigint, compatible = 'memfd-v2', generation = 1) =>
    ledger.of(generation).preserved(session(name), { token, compatible, descriptor: memory });
  return { vault, ledger, first, preserve, kernel: ledger.of(1) };
}

test('what is preserved is put away before it is written down, and let go of after that', (t) => {
  const { vault, kernel, preserve, ledger } = open(t);
  equal(ledger.isEmpty, true);
  kernel.created(session('vm'));
  preserve('vm', 1n);
  preserve('vm', 2n);
  deepEqual([vault.names, vault.lines()], [['journal-1', 'file-1', 'file-2'], ['outgoing vm: 1 2']]);
  kernel.unpreserved(session('vm'), 1n);
  deepEqual([vault.names, vault.lines()], [['journal-1', 'file-2'], ['outgoing vm: 2']]);
  ledger.began('kexec', running(2));
  deepEqual([vault.names, vault.lines()], [['journal-1', 'file-2'], ['incoming vm: 2']]);
  equal(ledger.isEmpty, false);
  ledger.of(2).finished(session('vm', 'incoming'));
  deepEqual([vault.names, vault.lines()], [['journal-1'], []]);
});

test('a kernel that does not run yet, or any more, writes nothing down', (t) => {
  const { vault, ledger, kernel } = open(t);
  ledger.of(2).created(session('early'));
  ledger.began('kexec', running(2));
  kernel.created(session('late'));
  deepEqual(vault.lines(), []);
});

test('a serial port, a file that the host does not know, and what does not pass are not put away', (t) => {
  const { vault, kernel, preserve } = open(t);
  kernel.created(session('vm'));
  preserve('vm', 1n, 'tty-v1');
  kernel.preserved(session('vm'), { token: 2n, compatible: 'odd-v1', descriptor: undefined });
  kernel.preserved(session('vm', 'incoming'), { token: 3n, compatible: 'memfd-v2', descriptor: 0 });
  deepEqual([vault.names, vault.lines()], [['journal-1'], ['outgoing vm: 1 2']]);
});

test('a session that its program closed is gone at once', (t) => {
  const { vault, kernel, preserve } = open(t);
  kernel.created(session('vm'));
  preserve('vm', 1n);
  kernel.closed(session('vm'));
  deepEqual([vault.names, vault.lines()], [['journal-1'], []]);
});

test('a session that was closed as the first program ended is held, until another lives on', (t) => {
  const { vault, kernel, preserve, first, ledger } = open(t);
  kernel.created(session('vm'));
  preserve('vm', 1n);
  first.isEnding = true;
  kernel.closed(session('vm'));
  ledger.called(process.pid);
  deepEqual(vault.lines(), ['outgoing vm: 1']);
  first.isEnding = false;
  ledger.called(process.pid);
  deepEqual([vault.names, vault.lines()], [['journal-1'], []]);
});

test('a session that was closed as its own program ended is held; one of its name that is made then replaces it', async (t) => {
  const { vault, kernel, preserve, ledger } = open(t);
  const child = spawn('sleep', ['1000']);
  await once(child, 'spawn');
  ledger.called(child.pid ?? 0);
  kernel.created(session('vm'));
  kernel.retrieved(session('last', 'incoming'));
  preserve('vm', 1n);
  child.kill('SIGKILL');
  await once(child, 'exit');
  kernel.closed(session('vm'));
  deepEqual(vault.lines(), ['outgoing vm: 1']);
  kernel.created(session('vm'));
  deepEqual([vault.names, vault.lines()], [['journal-1'], ['outgoing vm:']]);
});

test('an end that was asked for leaves nothing, and any other leaves all as it is', (t) => {
  const { vault, kernel, preserve, ledger } = open(t);
  kernel.created(session('vm'));
  preserve('vm', 1n);
  ledger.end(false);
  deepEqual(vault.lines(), ['outgoing vm: 1']);
  ledger.end(true);
  deepEqual(vault.names, []);
});

test('what was held before is in the next journal, and what nothing refers to is let go of', (t) => {
  const vault = new FakeVault();
  const memory = createMemory('file', false);
  t.after(() => closeSync(memory));
  const names = ['journal-4', 'file-7', 'file-9'];
  for (const name of names) vault.put(name, memory);
  const ledger = new MachineLedger({ vault, names, firstIsEnding: () => false });
  const of = { direction: 'incoming', session: Buffer.from('vm').toString('hex') } as const;
  ledger.began('boot', running(3), [
    { record: 'session', ...of },
    { record: 'file', ...of, token: '1', handler: 'memfd-v2', vault: 'file-7' },
  ]);
  deepEqual([vault.names, vault.lines()], [['file-7', 'journal-5'], ['incoming vm: 1']]);
  ledger.of(3).created(session('new'));
  ledger.of(3).preserved(session('new'), { token: 1n, compatible: 'memfd-v2', descriptor: memory });
  deepEqual(vault.names, ['file-7', 'journal-5', 'file-10']);
});

test('a journal that has become long is written anew, and says the same', (t) => {
  const { vault, kernel, preserve } = open(t);
  kernel.created(session('vm'));
  for (let i = 0; vault.names.includes('journal-1'); i++) {
    preserve('vm', 1n);
    kernel.unpreserved(session('vm'), 1n);
    if (i > 100_000) throw new Error('it is never written anew');
  }
  preserve('vm', 2n);
  deepEqual(vault.lines(), ['outgoing vm: 2']);
  equal(vault.names.filter((name) => name.startsWith('journal')).length, 1);
});

test('a vault that is gone is said once; what it still holds of the machine does not come back', (t) => {
  const { vault, kernel, preserve, ledger } = open(t);
  kernel.created(session('vm'));
  preserve('vm', 1n);
  vault.isGone = true;
  preserve('vm', 2n);
  preserve('vm', 3n);
  equal(ledger.isLost, true);
  equal(ledger.isEmpty, false, 'the machine still has it');
  deepEqual([vault.state().hasEnded, vault.lines()], [true, []]);
});
