#!/usr/bin/env node
/** The command `luo`. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { say } from '../machine/report.js';

const LUO_FAILED = 125;

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
  .addOption(new Option('--abi <profile>', 'whose behaviour programs see').choices(['linux', 'v5']).default('linux'))
  .option('--strict', "answer every call on luo's descriptors as the kernel would; programs run slower")
  .passThroughOptions()
  .action(async (argv: string[], options) => {
    const { run } = await import('./run.js');
    process.exitCode = await run(argv, options);
  });

program
  .command('kexec')
  .description('go into the next generation: what a machine preserved is there for it')
  .argument('[name]', 'the machine (default: the only one)')
  .argument('[command...]', 'what to run from now on, after -- (default: the same command)')
  .passThroughOptions()
  .action(async (name: string | undefined, argv: string[]) => {
    const { kexec } = await import('./kexec.js');
    await kexec(...separate(name, argv));
  });

program
  .command('ps')
  .description('list the running machines')
  .option('--json', 'for programs')
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

/** What stands after "--" is the command, with or without a name before it. */
function separate(name: string | undefined, argv: string[]): [string | undefined, string[]] {
  const given = process.argv.slice(3);
  if (given[0] === '--') return [undefined, given.slice(1)];
  return [name, argv[0] === '--' ? argv.slice(1) : argv];
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
