/** All that another process must know to go on where this one was. */
import { processGroup } from '../../host/libc.js';
import { SessionFile } from '../../kernel/kernel.js';
import type { Channel } from '../channels.js';
import type { Chronicle } from '../chronicle.js';
import type { MachineConfig } from '../config.js';
import type { Generation } from '../generation.js';
import type { PowerSwitch } from '../power-switch.js';
import type { Programs } from '../programs.js';
import type { Succession } from '../succession.js';
import type { Terminal } from '../terminal.js';
import type { Updates } from '../updates.js';
import type { MachineLedger } from '../vault/machine-ledger.js';
import { version } from '../version.js';
import { kernelToJson, nameToJson } from './kernel-json.js';
import { type ChannelJson, type MachineState, STATE_FORMAT } from './state.js';

/** The parts of a machine that know something. */
export interface MachineParts {
  readonly config: MachineConfig;
  readonly startedAt: number;
  readonly chronicle: Chronicle;
  readonly power: PowerSwitch;
  readonly programs: Programs;
  readonly succession: Succession;
  readonly terminal: Terminal;
  readonly ledger: MachineLedger | undefined;
  readonly updates: Updates;
}

/**
 * Programs begin to wait: what they ask from now on is the other process's to answer.
 *
 * @param control the socket that commands connect to
 * @param upgrades how often another process has gone on for it
 * @throws KernelError where something cannot be taken to another process; nothing has changed then
 */
export function saveMachine(
  parts: MachineParts,
  generation: Generation,
  control: number,
  upgrades: number,
): MachineState {
  const { config, startedAt, chronicle, power, programs, succession, terminal, ledger, updates } = parts;
  const { command, modules, options } = succession.running;
  const { recorder, injector } = chronicle;
  return {
    format: STATE_FORMAT,
    version: version(),
    config: { ...config, command, modules, profile: options?.profile ?? config.profile },
    startedAt,
    leftAt: String(process.hrtime.bigint()),
    processGroup: processGroup(),
    generation: saveGeneration(generation),
    programs: programs.saved,
    ...(power.image === undefined ? {} : { image: power.image }),
    ...(power.crashImage === undefined ? {} : { crashImage: power.crashImage }),
    ...(terminal.modes === undefined ? {} : { terminal: Buffer.from(terminal.modes).toString('hex') }),
    faults: injector.seen,
    counts: recorder.saved,
    control,
    ...(ledger === undefined ? {} : { ledger: ledger.saved }),
    announces: updates.hasSubscribers,
    upgrades,
  };
}

function saveGeneration(generation: Generation): MachineState['generation'] {
  // What was closed before is over.
  generation.drain();
  const { number, kernel, listener, channels, remains } = generation;
  return {
    number,
    listener: listener.fd,
    kernel: kernelToJson(kernel.save()),
    channels: [...channels.all].map(channelToJson),
    retrieved: [...channels.retrieved],
    remains: remains.saved,
  };
}

function channelToJson({ end, inode, openFlags, file }: Channel): ChannelJson {
  const channel = { end, inode, openFlags };
  if (!(file instanceof SessionFile)) return channel;
  const { type, name } = file.session;
  return { ...channel, session: nameToJson({ type, name: name.bytes }) };
}
