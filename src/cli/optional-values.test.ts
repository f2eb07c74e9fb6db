import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { Option } from 'commander';
import { withEmptyValues } from './optional-values.js';

const options = [new Option('--trace [=FILE]'), new Option('-n, --name <name>'), new Option('--strict')];

function given(...words: string[]): string[] {
  return withEmptyValues(words, options);
}

test('an option without its optional value does not take the command for one', () => {
  deepEqual(given('--trace', './agent'), ['--trace=', './agent']);
  deepEqual(given('--strict', '--trace', '--', './agent'), ['--strict', '--trace=', '--', './agent']);
});

test('a value that is there stays', () => {
  deepEqual(given('--trace=file', './agent'), ['--trace=file', './agent']);
});

test('what an option needs is no option, whatever it looks like', () => {
  deepEqual(given('--name', '--trace', '--trace'), ['--name', '--trace', '--trace=']);
  deepEqual(given('-n', 'x', '--trace', '-n'), ['-n', 'x', '--trace=', '-n']);
});

test('the options of the program are its own', () => {
  deepEqual(given('./agent', '--trace'), ['./agent', '--trace']);
  deepEqual(given('--', '--trace'), ['--', '--trace']);
});

test('an option that nobody knows is left to the parser', () => {
  deepEqual(given('--unknown', '--trace'), ['--unknown', '--trace=']);
});
