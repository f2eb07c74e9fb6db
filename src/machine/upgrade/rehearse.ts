/** What a new luo does to show that it can go on where a machine is. The machine runs meanwhile. */
import { descriptorLimits, setDescriptorLimit } from '../../host/processes.js';
import { createRam, hostHardware } from '../host-hardware.js';
import { firstOptions } from '../kernel-options.js';
import { sendText } from '../launcher-protocol.js';
import { version } from '../version.js';
import { REHEARSAL_SOCKET, REHEARSAL_STATE, type RehearsalMessage } from './rehearsal.js';
import { resumeOn } from './resume.js';
import { readState } from './state.js';

export async function rehearse(): Promise<void> {
  let message: RehearsalMessage;
  try {
    await bringUp();
    message = { version: version() };
  } catch (error) {
    message = { failure: error instanceof Error ? error.message : String(error) };
  }
  sendText(REHEARSAL_SOCKET, JSON.stringify(message));
}

/** @throws Error for whatever does not work */
async function bringUp(): Promise<void> {
  const { config, generation } = readState(REHEARSAL_STATE);
  // Those of the programs' own descriptors are not here, and have their place in the process that goes on.
  const limit = descriptorLimits(0)?.hard;
  if (limit !== undefined) setDescriptorLimit(limit - BigInt(generation.channels.length));
  const options = await firstOptions(config);
  const hardware = { ...hostHardware({ ram: createRam().ram, ports: undefined }), log: () => undefined };
  resumeOn(hardware, options, generation.kernel);
}
