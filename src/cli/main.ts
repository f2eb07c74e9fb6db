#!/usr/bin/env node
/** The command `luo`. */
import { availableParallelism } from 'node:os';
import { Command, CommanderError, Option } from 'commander';
import { say } from '../machine/report.js';
import { crashPolicies } from '../machine/vault/vault.js';
import { version } from '../machine/version.js';
import { faults } from './faults.js';
import { append, count, seconds } from './option-parsers.js';
import { withEmptyValues } from './optional-values.js';

const LUO_FAILED = 125;
/** `luo test` runs no one program, whose exit codes could be taken for its own. */
const TEST_USAGE = 2;

/** The kernel has the list, and is loaded for those alone who ask for some of them. */
const kindsHelp =
  'preserve files of more kinds, with commas between them: hugetlb, ttys, sockets, pipes, eventfds, timerfds, files';

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
  .option('--preserve <kinds>', kindsHelp)
  .option('--module <file>', 'an ES module with file handlers of your own; may be repeated', append)
  .option('--serial <port>', 'a serial port: ttyS0=8250,esp32, or ttyUSB0=/dev/ttyUSB0; may be repeated', append)
  .option('--waveform <file>', 'write what the lines of the emulated ports did: .svg, .json, or text')
  .option('--trace [=FILE]', 'show each call, callback and KHO action, on standard error or in a file')
  .option('--trace-json [=FILE]', 'the same for programs: a JSON text a line')
  .option('--inject <fault>', 'let something fail, such as retrieve_fd:token=1:errno=EIO; may be repeated', append)
  .addOption(
    new Option(
      '--on-crash <policy>',
      'what becomes of preserved files after a crash (default: end; hold with -d)',
    ).choices(crashPolicies),
  )
  .option('--list-faults', 'list what --inject can let fail, as luo faults does')
  .on('option:list-faults', () => {
    faults();
    process.exit(0);
  })
  .passThroughOptions()
  .action(async (argv: string[], options) => {
    const { run } = await import('./run.js');
    process.exitCode = await run(argv, options);
  });

program
  .command('trace')
  .description('show what happens on a machine, as it happens, until it ends')
  .argument('[name]', 'the machine (default: the only one)')
  .option('--json', 'for programs: a JSON text a line')
  .action(async (name: string | undefined, options) => {
    const { trace } = await import('./trace.js');
    await trace(name, options);
  });

program.command('faults').description('list what can be made to fail with --inject').action(faults);

program
  .command('kexec')
  .description('go into the next generation: what a machine preserved is there for it')
  .usage('[options] [name] [-- command...]')
  .argument('[name]', 'the machine (default: the only one)')
  .argument('[command...]', 'what to run from now on, after -- (default: the same command)')
  .addOption(new Option('--abi <profile>', 'whose behaviour programs see from now on').choices(profiles))
  .option('--module <file>', 'a kernel module in place of those of the last kernel; may be repeated', append)
  .addOption(new Option('--no-modules', 'no kernel modules from now on').conflicts('module'))
  .addOption(
    new Option('--drain-timeout <seconds>', 'how long programs that asked to be told may take to get ready')
      .default(30)
      .argParser(seconds),
  )
  .addOption(new Option('--warm', 'start the command first: the last one goes on until it opens /dev/liveupdate'))
  .addOption(
    new Option('--warm-timeout <seconds>', 'how long that may take (implies --warm)')
      .default(30)
      .argParser(seconds)
      .implies({ warm: true }),
  )
  .addOption(
    new Option(
      '--ready-timeout <seconds>',
      'go back to what ran before where the new generation is not ready by then (default: 30, where it must be ready)',
    ).argParser(seconds),
  )
  .addOption(
    new Option(
      '--ready-by <what>',
      'what makes it ready: READY=1 on $NOTIFY_SOCKET, or all sessions finished (default: either)',
    )
      .choices(['notify', 'finish'] as const)
      .conflicts('readyWhen'),
  )
  .option('--ready-when <command>', 'it is ready when this command of the shell succeeds, and nothing else makes it so')
  .action(async (_name: string | undefined, _argv: string[], options, { args }: Command) => {
    const { kexec } = await import('./kexec.js');
    const { name, argv } = separate(args);
    await kexec(name, argv, options);
  });

program
  .command('upgrade')
  .description('put this luo in the place of the one that a machine runs on, without touching its programs')
  .argument('[name]', 'the machine (default: the only one)')
  .action(async (name: string | undefined) => {
    const { upgrade } = await import('./upgrade.js');
    await upgrade(name);
  });

program
  .command('recover')
  .description('boot a machine again that was held after a crash: what it had preserved is there')
  .usage('[options] [name] [-- command...]')
  .argument('[name]', 'the machine (default: the only one)')
  .argument('[command...]', 'what to run, after -- (default: the command that ran)')
  .action(async (_name: string | undefined, _argv: string[], _options, { args }: Command) => {
    const { recover } = await import('./recover.js');
    const { name, argv } = separate(args);
    await recover(name, argv);
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

program
  .command('test')
  .description('run an agent through a live update, and say what it forgot; with a fault at every step')
  .argument('[command...]', 'the agent, with its own options: the same in each generation')
  .option('--stage <command>', 'what the next generation runs; may be repeated, in place of a command', append)
  .addOption(count('--generations <number>', 'how many generations run the command', 2))
  .option('--sweep', 'then run it again with each fault that could have struck, one at a time')
  .option('--only <points>', 'sweep over faults at these points alone, with commas between them: luo faults')
  .option('--except <points>', 'sweep over no faults at these points')
  .addOption(new Option('--inject <fault>', 'run it with one fault').conflicts('sweep'))
  .option('--until <pattern>', 'a stage that goes on is over, too, when a line of its output matches')
  .addOption(new Option('-t, --timeout <seconds>', 'how long a stage may take').default(30).argParser(seconds))
  .addOption(
    new Option('--reporter <format>', 'what is printed').choices(['spec', 'tap', 'junit', 'json']).default('spec'),
  )
  .addOption(count('-j, --jobs <number>', 'how many runs of a sweep at a time', availableParallelism()))
  .addOption(new Option('--abi <profile>', 'whose behaviour programs see').choices(profiles).default('linux'))
  .option('--strict', "answer every call on luo's descriptors as the kernel would; programs run slower")
  .option('--extend', 'add ioctls that Linux has not')
  .option('--preserve <kinds>', kindsHelp)
  .option('--module <file>', 'an ES module with file handlers of your own; may be repeated', append)
  .passThroughOptions()
  .action(async (argv: string[], options) => {
    const { test } = await import('./test.js');
    process.exitCode = await test(argv, options);
  });

const serial = program.command('serial').description('serial ports: what their lines do, and ports that are not reset');

serial
  .command('waveform')
  .description('draw what the lines of the emulated ports of a machine have done')
  .argument('[name]', 'the machine (default: the only one)')
  .option('--port <name>', 'one port, such as ttyS0 (default: all)')
  .option('--svg', 'as a picture')
  .option('--json', 'for programs: one JSON document')
  .option('--ascii', 'with nothing but ASCII characters')
  .action(async (name: string | undefined, options) => {
    const { serialWaveform } = await import('./serial-waveform.js');
    await serialWaveform(name, options);
  });

for (const plugged of [true, false]) {
  serial
    .command(plugged ? 'plug' : 'unplug')
    .description(plugged ? 'put an emulated device back' : 'pull an emulated device out: its programs are hung up')
    .argument('<port>', 'the port, such as ttyACM0')
    .argument('[name]', 'the machine (default: the only one)')
    .action(async (port: string, name: string | undefined) => {
      const { serialPlug } = await import('./serial-waveform.js');
      await serialPlug(port, plugged, name);
    });
}

serial
  .command('hold')
  .description('keep a port open, so that no program that opens or closes it moves DTR or RTS')
  .argument('<path>', 'the port, such as /dev/ttyUSB0 or a name in /dev/serial/by-id')
  .option('-d, --detach', 'go on in the background')
  .option('--lines <states>', 'set lines at once after the open, such as dtr=off,rts=off')
  .option('--exclusive', 'keep out programs that do not ask luo (default where a line is set to off)')
  .addOption(new Option('--share', 'let all programs in (default where no line is set to off)').conflicts('exclusive'))
  .addOption(
    new Option('--leave <what>', 'at the end: leave the lines as they are, or set all as it was found')
      .choices(['lines', 'found'])
      .default('lines'),
  )
  .action(async (path: string, options) => {
    const { serialHold } = await import('./serial-hold.js');
    await serialHold(path, options);
  });

serial
  .command('release')
  .description('end the luo that holds a port')
  .argument('<path>', 'the port')
  .action(async (path: string) => {
    const { serialRelease } = await import('./serial-hold.js');
    await serialRelease(path);
  });

serial
  .command('list')
  .description('list the serial ports of this computer, who holds them, and who has them open')
  .option('--json', 'for programs: one JSON document')
  .action(async (options) => {
    const { serialList } = await import('./serial-list.js');
    await serialList(options);
  });

try {
  await program.parseAsync(words(process.argv.slice(2)), { from: 'user' });
} catch (error) {
  // Those have been said, or are no errors: --help and --version end that way.
  const isSaid = error instanceof CommanderError;
  if (!isSaid) say(error instanceof Error ? error.message : String(error));
  process.exitCode = isSaid && error.exitCode === 0 ? 0 : process.argv[2] === 'test' ? TEST_USAGE : LUO_FAILED;
}

/** The words of the command line, as the parser is to see them. */
function words(given: readonly string[]): readonly string[] {
  const command = program.commands.find((one) => one.name() === given[0]);
  return command === undefined ? given : [command.name(), ...withEmptyValues(given.slice(1), command.options)];
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
