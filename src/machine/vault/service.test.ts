import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import type { MachineConfig } from '../config.js';
import { storedDescriptors, storeOf } from './service.js';
import { BothVaults } from './service-vault.js';
import { isVaultName, latestJournal, nextFileNumber, VaultError } from './vault.js';

test('the store of a service manager is used where something is to be held, and by no machine in the background', () => {
  const store = (config: Partial<MachineConfig>, NOTIFY_SOCKET?: string) =>
    // The rest of it does not matter.
    storeOf(config as MachineConfig, { NOTIFY_SOCKET });
  equal(store({ onCrash: 'hold' }, '/s'), '/s');
  equal(store({ onCrash: 'recover' }, '@s'), '@s');
  for (const config of [{}, { onCrash: 'end' as const }, { onCrash: 'hold' as const, detached: true }])
    equal(store(config, '/s'), undefined);
  equal(store({ onCrash: 'hold' }, ''), undefined);
  equal(store({ onCrash: 'hold' }), undefined);
});

test('descriptors that are for another process, or have no name of luo, are left alone', () => {
  const own = { LISTEN_PID: String(process.pid), LISTEN_FDS: '2', LISTEN_FDNAMES: 'web.socket:stored' };
  deepEqual(storedDescriptors(own), new Map());
  deepEqual(storedDescriptors({ ...own, LISTEN_PID: '1', LISTEN_FDNAMES: 'journal-1:file-1' }), new Map());
  deepEqual(storedDescriptors({}), new Map());
});

test('names of a vault: the latest journal, and a number that no file has', () => {
  deepEqual(latestJournal(['file-1', 'journal-9', 'journal-10', 'journal-x']), { name: 'journal-10', number: 10 });
  equal(latestJournal(['file-1']), undefined);
  equal(nextFileNumber(['file-9', 'file-10', 'journal-11']), 11);
  equal(nextFileNumber([]), 1);
  deepEqual(['file-1', 'journal-2', 'file-', 'file-1/..', 'stored'].map(isVaultName), [
    true,
    true,
    false,
    false,
    false,
  ]);
});

test('one of two vaults is enough, and none is a VaultError', () => {
  const log: string[] = [];
  const gone = new Set<string>();
  const vault = (who: string) => {
    const tell = (what: string) => {
      if (gone.has(who)) throw new VaultError(`${who} is gone`);
      log.push(`${who} ${what}`);
    };
    return { put: (name: string) => tell(`put ${name}`), remove: (name: string) => tell(`remove ${name}`) };
  };
  const both = new BothVaults(vault('one'), vault('two'));
  both.put('file-1', 0);
  gone.add('one');
  both.remove('file-1');
  both.put('file-2', 0);
  deepEqual(log, ['one put file-1', 'two put file-1', 'two remove file-1', 'two put file-2']);
  gone.add('two');
  let error: unknown;
  try {
    both.put('file-3', 0);
  } catch (thrown) {
    error = thrown;
  }
  equal(error instanceof VaultError && error.message, 'two is gone');
});
