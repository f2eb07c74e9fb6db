#!/usr/bin/env node
/** The command `luo`. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { say } from '../machine/report.js';

const LUO_FAILED = 125;

const profiles = ['linux', 'v5'] as const;

const program = new Command('luo')
  .description('Live Update Orchestrator: a working /dev/liveupdate for any program, on any Linux')
  .version(version())
  .enablePositionalOptions()
  .showHelpAfterError('(luo --help tells more)')
  .exitOverride();

program
  .command('run')
  .description('start a machine and run a command on it')
  .argument('<command...>', 'the command, with its own options')
  .option('-n, --name <name>', 'the name of the machine (default: that of the command)')
  .option('-d, --detach', 'run in the background; luo logs shows its output')
  .addOption(new Option('--abi <profile>', 'whose behaviour programs see').choices(profiles).default('linux'))
  .option('--strict', "answer every call on luo's descriptors as the kernel would; programs run slower")
  .option('--extend', 'add ioctls that Linux has not: states, events, and letting go of one file')
  .option('--preserve <kinds>', 'preserve files of more kinds, with commas between them: hugetlb')
  .option('--module <file>', 'an ES module with file handlers of your own; may be repeated', append)
  .passThroughOptions()
  .action(async (argv: string[], options) => {
    const { run } = await import('./run.js');
    process.exitCode = await run(argv, options);
  });

program
  .command('kexec')
  .description('go into the next generation: what a machine preserved is there for it')
  .usage('[options] [name] [-- command...]')
  .argument('[name]', 'the machine (default: the only one)')
  .argument('[command...]', 'what to run from now on, after -- (default: the same command)')
  .addOption(new Option('--abi <profile>', 'whose behaviour programs see from now on').choices(profiles))
  .option('--module <file>', 'a kernel module in place of those of the last kernel; may be repeated', append)
  .addOption(new Option('--no-modules', 'no kernel modules from now on').conflicts('module'))
  .action(async (_name: string | undefined, _argv: string[], options, { args }: Command) => {
    const { kexec } = await import('./kexec.js');
    const { name, argv } = separate(args);
    await kexec(name, argv, options);
  });

program
  .command('ps')
  .description('list the running machines')
  .option('--sessions', 'show the sessions of each machine, and the files in them')
  .option('--json', 'for programs: one JSON document')
  .action(async (options) => {
    const { ps } = await import('./ps.js');
    await ps(options);
  });

program
  .command('logs')
  .description('show the output of a detached machine, of all its generations')
  .argument('<name>', 'the machine; it may have ended')
  .option('-f, --follow', 'go on showing until the machine ends')
  .action(async (name: string, options) => {
    const { logs } = await import('./logs.js');
    await logs(name, options);
  });

program
  .command('stop')
  .description('end a machine and all that runs on it; what it preserved is lost')
  .argument('[name]', 'the machine (default: the only one)')
  .addOption(
    new Option('-t, --timeout <seconds>', 'how long programs may take after SIGTERM').default(10).argParser(seconds),
  )
  .action(async (name: string | undefined, options) => {
    const { stop } = await import('./stop.js');
    await stop(name, options);
  });

try {
  await program.parseAsync();
} catch (error) {
  // Those have been said, or are no errors: --help and --version end that way.
  const isSaid = error instanceof CommanderError;
  if (!isSaid) say(error instanceof Error ? error.message : String(error));
  process.exitCode = isSaid && error.exitCode === 0 ? 0 : LUO_FAILED;
}

/**
 * What stands after "--" is the command, with or without a name before it.
 *
 * @param words all that are no options, without the "--"
 */
function separate(words: readonly string[]): { name: string | undefined; argv: readonly string[] } {
  const given = process.argv.slice(3);
  const end = given.indexOf('--');
  const argv = end < 0 ? [] : given.slice(end + 1);
  const [name, ...others] = words.slice(0, words.length - argv.length);
  if (others.length === 0) return { name, argv };
  throw new Error(`Cannot tell what "${others[0]}" is for: put -- before the command that is to run from now on`);
}

function append(word: string, words: readonly string[] = []): readonly string[] {
  return [...words, word];
}

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new InvalidArgumentError('It must be a number of seconds, 0 or more.');
  return value;
}

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  // The file is part of this package.
  return (manifest as { version: string }).version;
}
