import { ask, chooseMachine } from '../machine/control-client.js';
import type { ControlAnswer } from '../machine/control-protocol.js';
import { SetupError } from '../machine/directories.js';
import { show } from '../machine/serial/waveform-file.js';
import { print } from './output.js';

export interface WaveformOptions {
  readonly port?: string;
  readonly svg?: boolean;
  readonly json?: boolean;
  readonly ascii?: boolean;
}

/** `luo serial waveform`. */
export async function serialWaveform(name: string | undefined, options: WaveformOptions): Promise<void> {
  const { port, svg = false, json = false, ascii = false } = options;
  const machine = chooseMachine(name);
  const answer = answered(
    machine,
    await ask(machine, { request: 'waveform', ...(port === undefined ? {} : { port }) }),
  );
  if (!('waveforms' in answer)) throw new Error(`Cannot show a waveform: machine "${machine}" gave another answer`);
  if (svg && answer.waveforms.length > 1) {
    const ports = answer.waveforms.map((waveform) => waveform.port).join(', ');
    throw new SetupError(
      `Cannot draw ${answer.waveforms.length} ports in one picture: name one of ${ports} with --port`,
    );
  }
  const format = svg ? 'svg' : json ? 'json' : ascii ? 'ascii' : 'text';
  print(show(answer.waveforms, format, process.stdout.columns));
}

/** `luo serial plug` and `luo serial unplug`. */
export async function serialPlug(port: string, plugged: boolean, name: string | undefined): Promise<void> {
  const machine = chooseMachine(name);
  answered(machine, await ask(machine, { request: 'plug', port, plugged }));
}

function answered(machine: string, answer: ControlAnswer | undefined): ControlAnswer {
  if (answer === undefined) throw new SetupError(`Cannot reach a port: machine "${machine}" has ended`);
  if ('error' in answer) throw new SetupError(answer.error);
  return answer;
}
