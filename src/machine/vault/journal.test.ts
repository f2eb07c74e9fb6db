import { deepEqual, equal } from 'node:assert/strict';
import { fstatSync, ftruncateSync } from 'node:fs';
import { test } from 'node:test';
import type { JournalRecord } from './held-state.js';
import { Journal, readJournal } from './journal.js';

const session = (name: string): JournalRecord => ({ record: 'session', direction: 'outgoing', session: name });

function sessionsIn(journal: Journal): string[] {
  return readJournal(journal.descriptor).sessions.map(({ session }) => session);
}

test('a journal is read as it was written', () => {
  const journal = new Journal([session('aa')]);
  journal.append(session('bb'), session('cc'));
  journal.append();
  deepEqual(sessionsIn(journal), ['aa', 'bb', 'cc']);
  equal(readJournal(journal.descriptor).hasEnded, false);
  journal.append({ record: 'ended' });
  equal(readJournal(journal.descriptor).hasEnded, true);
  journal.close();
});

test('a line that was not finished is not there, wherever it was cut', () => {
  const journal = new Journal([session('aa')]);
  const whole = fstatSync(journal.descriptor).size;
  journal.append(session('bb'));
  const end = fstatSync(journal.descriptor).size;
  for (let size = end - 1; size >= whole; size--) {
    ftruncateSync(journal.descriptor, size);
    deepEqual(sessionsIn(journal), ['aa']);
  }
  ftruncateSync(journal.descriptor, 0);
  deepEqual(sessionsIn(journal), []);
  journal.close();
});

test('a journal is long when it is a megabyte and four times as long as it need be', () => {
  const journal = new Journal([]);
  equal(journal.isLong, false);
  while (!journal.isLong) journal.append(session('x'.repeat(100_000)));
  equal(fstatSync(journal.descriptor).size > 1 << 20, true);
  const grown = new Journal([session('x'.repeat(2 << 20))]);
  equal(grown.isLong, false);
  journal.close();
  grown.close();
});
