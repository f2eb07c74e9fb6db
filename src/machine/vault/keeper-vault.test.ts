/** What a machine puts away is held, however full the way is, and whoever dies. */
import { deepEqual, equal, match, ok, throws } from 'node:assert/strict';
import { constants, readSync, writeSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import {
  close,
  createMemory,
  pipe,
  setStatusFlags,
  socketPair,
  statDescriptor,
  statusFlags,
} from '../../host/descriptors.js';
import { HeldDescriptors } from './held-descriptors.js';
import { Journal } from './journal.js';
import { KeeperVault } from './keeper-vault.js';
import { VaultError } from './vault.js';

function open(t: TestContext) {
  const [ours, theirs] = socketPair();
  const [heard, bell] = pipe();
  setStatusFlags(ours, statusFlags(ours) | constants.O_NONBLOCK);
  const lost: string[] = [];
  const held = new HeldDescriptors((name) => lost.push(name));
  t.after(() => held.close());
  return { ours, theirs, heard, bell, held, lost, vault: new KeeperVault(theirs, bell) };
}

test('what was put away is there after the machine is gone, and is the same open file', (t) => {
  const { ours, theirs, heard, bell, held, vault } = open(t);
  const file = createMemory('file', false);
  writeSync(file, 'content');
  const { inode } = statDescriptor(file);
  vault.put('file-1', file);
  vault.put('file-2', file);
  vault.remove('file-1');
  for (const fd of [file, theirs, bell]) close(fd);
  held.receive(ours);
  deepEqual(held.names, ['file-2']);
  const kept = held.all.get('file-2') ?? -1;
  equal(statDescriptor(kept).inode, inode);
  const bytes = Buffer.alloc(7);
  readSync(kept, bytes, 0, 7, 0);
  equal(String(bytes), 'content');
  equal(readSync(heard, Buffer.alloc(8)), 1, 'the keeper is woken where it has to let go of something');
  close(ours);
  close(heard);
});

test('a way that is full makes the machine wait until the keeper has emptied it', async (t) => {
  const { ours, theirs, heard, bell, held } = open(t);
  const count = 2000;
  // The machine waits in a system call: it is another thread here.
  const code = `
    import { createMemory } from ${JSON.stringify(new URL('../../host/descriptors.js', import.meta.url).href)};
    import { KeeperVault } from ${JSON.stringify(new URL('./keeper-vault.js', import.meta.url).href)};
    const vault = new KeeperVault(${theirs}, ${bell});
    for (let i = 1; i <= ${count}; i++) vault.put('file-1', createMemory('x', false));
  `;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`));
  const done = new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject));
  let isOver = false;
  done.then(
    () => {
      isOver = true;
    },
    () => {},
  );
  while (!isOver) {
    held.receive(ours);
    await new Promise(setImmediate);
  }
  equal(await done, 0);
  held.receive(ours);
  deepEqual(held.names, ['file-1']);
  for (const fd of [ours, theirs, heard, bell]) close(fd);
});

test('a keeper that is gone is a VaultError, and a bell that nobody hears is none', (t) => {
  const { ours, theirs, heard, bell, vault } = open(t);
  close(heard);
  vault.remove('file-1');
  close(ours);
  throws(() => vault.put('file-1', 0), VaultError);
  close(theirs);
  close(bell);
});

test('what came without its descriptor is told of, and what has no name of a vault is refused', async (t) => {
  const { ours, theirs, heard, bell, held, lost } = open(t);
  const { sendMessage } = await import('../../host/unix-socket.js');
  sendMessage(theirs, 'put file-7');
  held.receive(ours);
  deepEqual([lost, held.names], [['file-7'], []]);
  sendMessage(theirs, 'put ../file', 0);
  throws(() => held.receive(ours), /Cannot hold "\.\.\/file" for a machine: it is no name of a vault/);
  for (const fd of [ours, theirs, heard, bell]) close(fd);
});

test('the state is that of the latest journal', (t) => {
  const { ours, theirs, heard, bell, held, vault } = open(t);
  equal(held.state(), undefined);
  const journals = ['aa', 'bb'].map((session) => new Journal([{ record: 'session', direction: 'outgoing', session }]));
  for (const [index, journal] of journals.entries()) vault.put(`journal-${index + 9}`, journal.descriptor);
  held.receive(ours);
  deepEqual(
    held.state()?.sessions.map(({ session }) => session),
    ['bb'],
  );
  for (const journal of journals) journal.close();
  for (const fd of [ours, theirs, heard, bell]) close(fd);
  ok(held.names.length === 2);
  match(held.names.join(), /journal-9,journal-10/);
});
