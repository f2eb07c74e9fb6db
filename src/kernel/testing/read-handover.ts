/**
 * A program of the tests: boots a kernel on RAM that it reads from a file, in a process that shares nothing with the
 * one that wrote it, and prints what it finds.
 *
 * Arguments: the file with the RAM, the profile, and as JSON { root, regions: [{ start, pages }] }.
 */
import { readFileSync } from 'node:fs';
import type { Handover } from '../hardware.js';
import { Kernel, type Profile } from '../kernel.js';
import { pageFrameNumber, physicalAddress } from '../units.js';
import { FakeHardware } from './fake-hardware.js';
import { FakeMachine } from './fake-machine.js';
import { FakeTask } from './fake-task.js';

interface WrittenHandover {
  readonly root: number;
  readonly regions: readonly { readonly start: number; readonly pages: number }[];
}

const [, , path = '', profile = 'linux', json = '{}'] = process.argv;
const hardware = new FakeHardware(new Uint8Array(readFileSync(path)));
// The test that starts this program wrote both arguments.
const written = JSON.parse(json) as WrittenHandover;
const options = { profile: profile as Profile };
const handover: Handover = {
  root: physicalAddress(written.root),
  regions: written.regions.map(({ start, pages }) => ({
    start: pageFrameNumber(start),
    pages,
    descriptor: hardware.files.file({ size: pages * 4096 }),
  })),
  descriptors: [],
};

const kernel = Kernel.boot(hardware, options, handover);
const machine = new FakeMachine();
Object.assign(machine, { hardware, kernel, task: new FakeTask(kernel, hardware.files) });
const device = machine.openDevice();
const found = kernel.state().incoming.map(({ name, files }) => {
  const session = machine.retrieve(device, name);
  return {
    name: [...name],
    files: files.map(({ token, compatible, size }) => {
      const fd = machine.retrieveFd(session, token);
      const position = hardware.files.position(machine.task.descriptorAt(fd));
      return { token: `${token}`, compatible, size: `${size}`, position: `${position}` };
    }),
  };
});
console.log(JSON.stringify({ generation: `${kernel.state().generation}`, found }));
