import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ALL_SEALS,
  F_SEAL_EXEC,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
} from '../../uapi/fcntl.js';
import { restorationOf, WRITE_SEALS } from './restored-seals.js';

const REOPEN = { kind: 'reopen' };
const copy = (seals: number) => ({ kind: 'copy', seals });

test('an inode with the seals that it was preserved with comes back itself', () => {
  for (const seals of [0, F_SEAL_SEAL, F_SEAL_GROW, F_SEAL_WRITE, F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE]) {
    for (const permissions of [0, 0o600, 0o644, 0o777]) {
      deepEqual(restorationOf(seals, { seals, permissions }), REOPEN);
    }
  }
});

test('an inode that was sealed after it was preserved comes back as a copy with the seals of before', () => {
  deepEqual(restorationOf(F_SEAL_GROW, { seals: F_SEAL_GROW | F_SEAL_SEAL, permissions: 0o777 }), copy(F_SEAL_GROW));
  deepEqual(restorationOf(0, { seals: F_SEAL_FUTURE_WRITE, permissions: 0o777 }), copy(0));
});

test('the exec seal comes back with every seal against writing, as on a file with execute bits', () => {
  for (const permissions of [0o600, 0o666, 0o777]) {
    deepEqual(restorationOf(F_SEAL_EXEC, { seals: F_SEAL_EXEC, permissions }), copy(F_SEAL_EXEC | WRITE_SEALS));
  }
});

test('an inode whose execute bits are sealed comes back itself where it has all of them, and else as a copy', () => {
  for (const seals of [F_SEAL_EXEC | WRITE_SEALS, ALL_SEALS]) {
    deepEqual(restorationOf(seals, { seals, permissions: 0o777 }), REOPEN);
    deepEqual(restorationOf(seals, { seals, permissions: 0o711 }), REOPEN);
    deepEqual(restorationOf(seals, { seals, permissions: 0o700 }), copy(seals));
    deepEqual(restorationOf(seals, { seals, permissions: 0o666 }), copy(seals));
  }
});

test('a file of which no seals were recorded comes back without any', () => {
  deepEqual(restorationOf(0, { seals: 0, permissions: 0o600 }), REOPEN);
  deepEqual(restorationOf(0, { seals: F_SEAL_SEAL, permissions: 0o600 }), copy(0));
});

test('what comes back is settled: retrieved once more it is the inode itself', () => {
  const seals = fc.integer({ min: 0, max: ALL_SEALS });
  fc.assert(
    fc.property(seals, seals, fc.integer({ min: 0, max: 0o777 }), (recorded, now, permissions) => {
      const restoration = restorationOf(recorded, { seals: now, permissions });
      const restored = restoration.kind === 'copy' ? restoration.seals : now;
      deepEqual(restorationOf(restored, { seals: restored, permissions: 0o777 }), REOPEN);
    }),
  );
});
