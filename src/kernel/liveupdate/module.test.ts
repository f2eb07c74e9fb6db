import { equal, match, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { refused } from '../testing/expect.js';
import { Module } from './module.js';

test('a module can be held while it is loaded and while it works, and not while it is unloaded: EAGAIN', () => {
  const module = new Module('one');
  module.get('register a');
  module.loaded();
  module.get('register b');
  equal(module.references, 2);
  module.put();
  module.unloading();
  const { message } = refused('EAGAIN', () => module.get('register c'));
  match(message, /^Cannot register c: the module "one" is being unloaded$/);
  equal(module.references, 1);
});

test('to put a module that nobody holds is an error of the kernel', () => {
  throws(() => new Module('one').put(), /Cannot put the module "one": nobody holds it/);
});
