/** What npm gets to see: the files of the package, and where its dependencies come from. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));

/** Licences that ask for no more than to be named. */
const FREE = /^(MIT|ISC|0BSD|BSD-[23]-Clause|Apache-2\.0)$/;

interface Lock {
  readonly packages: Readonly<
    Record<string, { readonly license?: string; readonly resolved?: string; readonly dev?: boolean }>
  >;
}

test('the package has the command, its description and its licence', () => {
  const files = packed();
  for (const file of ['dist/cli/main.js', 'package.json', 'README.md', 'LICENSE']) {
    assert.ok(files.includes(file), `the package lacks ${file}`);
  }
});

test('the package has nothing that only tests, benchmarks and examples need', () => {
  const surplus = packed().filter(
    (file) =>
      /\.(test|child)\.|\.tsbuildinfo$|\/testing\/|^dist\/(bench|examples)\//.test(file) ||
      !/^(dist\/|package\.json$|README\.md$|LICENSE$)/.test(file),
  );
  assert.deepEqual(surplus, []);
});

test('every dependency comes from the registry of npm', () => {
  const elsewhere = dependencies().filter(
    ([, { resolved }]) => resolved !== undefined && !resolved.startsWith('https://registry.npmjs.org/'),
  );
  assert.deepEqual(elsewhere, []);
});

test('every dependency may be used by everybody', () => {
  // What a tool of ours depends on in its turn reaches nobody else.
  const ours = dependencies().filter(([path, { dev = false }]) => !dev || ourTools().includes(path));
  const others = ours.filter(([, { license = 'none' }]) => !license.split(' OR ').some((one) => FREE.test(one)));
  assert.deepEqual(others, []);
});

/** What `npm pack` would take. Its scripts would build the sources again, under the tests that run now. */
function packed(): string[] {
  const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  // The output of npm, as its documentation has it.
  const [list] = JSON.parse(output) as { files: { path: string }[] }[];
  return (list?.files ?? []).map(({ path }) => path);
}

/** The tools that the package itself names. */
function ourTools(): string[] {
  // The file is the package's own.
  const { devDependencies } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
    devDependencies: Record<string, string>;
  };
  return Object.keys(devDependencies).map((name) => `node_modules/${name}`);
}

function dependencies(): [string, { license?: string; resolved?: string; dev?: boolean }][] {
  // The file is written by npm.
  const lock = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8')) as Lock;
  return Object.entries(lock.packages).filter(([path]) => path !== '');
}
