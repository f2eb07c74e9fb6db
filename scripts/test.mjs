/**
 * Runs the tests that the build has made: `npm test`, or `npm test -- machine kho` for those whose path has one of the
 * words in it. Words that begin with a dash go to Node: `npm test -- --test-name-pattern=freeze`.
 *
 * `--suite=kernel` runs those that boot a real Linux instead: `npm run test:kernel`. Where none of them can run that is
 * no failure: there need be no kernel to boot. It is said why.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, constants, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));

const BOOTS_LINUX = '--suite=kernel';

const bootsLinux = process.argv.includes(BOOTS_LINUX);
const command = bootsLinux ? 'npm run test:kernel' : 'npm test';
const ending = bootsLinux ? '.kernel.js' : '.test.js';
const words = process.argv.slice(2).filter((word) => word !== BOOTS_LINUX);
const options = words.filter((word) => word.startsWith('-'));
const patterns = words.filter((word) => !word.startsWith('-'));

const files = testFiles().filter((file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)));
if (files.length === 0) {
  fail(patterns.length === 0 ? 'there is no test in dist: npm run build' : `no test file has ${patterns.join(' or ')}`);
} else {
  process.exitCode = await run(files);
}

/** The tests whose source is there: a build does not remove what it made of a source that is gone. */
function testFiles() {
  return readdirSync(join(root, 'dist'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(ending) && existsSync(join(root, 'src', file.replace(/\.js$/, '.ts'))))
    .sort();
}

async function run(files) {
  const directory = mkdtempSync(join(tmpdir(), 'luo-tests-'));
  const outcome = join(directory, 'outcome');
  // A terminal sends it to the tests too: their end is ours.
  process.on('SIGINT', () => {});
  try {
    const code = await ended(
      spawn(
        process.execPath,
        [
          '--test',
          `--test-concurrency=${availableParallelism()}`,
          '--test-reporter=spec',
          '--test-reporter-destination=stdout',
          `--test-reporter=${new URL('outcome-reporter.mjs', import.meta.url).href}`,
          `--test-reporter-destination=${outcome}`,
          ...options,
          ...files.map((file) => join('dist', file)),
        ],
        { cwd: root, stdio: 'inherit' },
      ),
    );
    return summarise(readFileSync(outcome, 'utf8'), code);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function ended(child) {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}

/** Says what was skipped and why, and gives the exit code. */
function summarise(outcome, code) {
  const tests = outcome
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
  for (const { file, name, skipped } of tests) {
    if (skipped !== undefined) console.log(`skipped: ${relative(join(root, 'dist'), file)}: ${name}: ${skipped}`);
  }
  if (code !== 0 || tests.some(({ skipped }) => skipped === undefined)) return code;
  if (!bootsLinux || tests.length === 0) return fail('no test ran');
  console.log(`${command}: NOTHING RAN ON A REAL LINUX: all tests were skipped, for the reasons above`);
  return code;
}

function fail(problem) {
  console.error(`${command}: ${problem}`);
  process.exitCode = 1;
  return 1;
}
