import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { KernelError } from './error.js';

test('an error has the number of its name', () => {
  const { code, errno, message } = new KernelError('EBUSY', 'Cannot open it: it is open');
  equal(code, 'EBUSY');
  equal(errno, 16);
  equal(message, 'Cannot open it: it is open');
});

test('a name that is not in the table is EIO, and the sentence tells it', () => {
  // As from the JavaScript of a module, which no compiler has seen.
  for (const name of ['ENOTSUP', 'toString', undefined] as unknown as 'EIO'[]) {
    const { code, errno, message } = new KernelError(name, 'Cannot take it');
    equal(code, 'EIO');
    equal(errno, 5);
    equal(message, `Cannot take it (luo does not know the error number "${name}": it is EIO)`);
  }
});
