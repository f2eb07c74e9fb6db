import { deepEqual, equal } from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { io, ioc } from '../../uapi/ioctl.js';
import { KernelError } from '../error.js';
import type { Task } from '../fs/file.js';
import { refused } from '../testing/expect.js';
import { address, FakeMemory } from '../testing/fake-memory.js';
import { type Call, type Command, runCommand } from './ioctl.js';

let memory: FakeMemory;
let calls: Call[];
let refuses: boolean;

/** A command of 8 bytes that writes its structure back with the last byte changed. */
const command: Command<string> = {
  command: io(0xba, 0x41),
  size: 8,
  minimum: 6,
  oldSize: 4,
  check(target) {
    if (refuses) throw new KernelError('EPERM', `not for ${target}`);
  },
  run(_target, call) {
    calls.push(call);
    call.respond(call.bytes.map((byte, i) => (i === 7 ? 0xff : byte)));
  },
};

beforeEach(() => {
  memory = new FakeMemory();
  calls = [];
  refuses = false;
});

function run(number: number, at: ReturnType<typeof address>): number {
  const task: Task = { memory, files: undefined as never };
  return runCommand([command], 'target', number, at, task);
}

/** A structure of `size` bytes that says so, with `rest` at the end. */
function sized(size: number, length = size, ...rest: number[]): Uint8Array {
  const bytes = new Uint8Array(length);
  new DataView(bytes.buffer).setUint32(0, size, true);
  bytes.set(rest, length - rest.length);
  return bytes;
}

test('a command of a number that is not there is EINVAL, even without arguments', () => {
  refused('EINVAL', () => run(io(0xba, 0x42), address(0n)));
  refused('EINVAL', () => run(io(0xbb, 0x42), address(0n)));
});

test('a size that cannot be read is EFAULT, before the type of the command counts', () => {
  refused('EFAULT', () => run(io(0xbb, 0x41), address(0n)));
  refused('EFAULT', () => run(command.command, memory.put(Uint8Array.of(8, 0), { beforeHole: true })));
});

test('a known number of another type or direction is ENOTTY, before the size counts', () => {
  const short = memory.put(sized(0, 8));
  refused('ENOTTY', () => run(io(0xbb, 0x41), short));
  refused('ENOTTY', () => run(io(0, 0x41), short));
  refused('ENOTTY', () => run(ioc(2, 0xba, 0x41, 8), short));
});

test('a structure that is too short is EINVAL, before the target counts', () => {
  refuses = true;
  for (const size of [0, 3, 5]) refused('EINVAL', () => run(command.command, memory.put(sized(size, 8))));
});

test('what the target refuses comes before the bytes after the structure', () => {
  refuses = true;
  refused('EPERM', () => run(command.command, memory.put(sized(16, 16, 1))));
});

test('bytes after the structure must be 0, or E2BIG', () => {
  equal(run(command.command, memory.put(sized(16))), 0);
  refused('E2BIG', () => run(command.command, memory.put(sized(16, 16, 1))));
  equal(run(command.command, memory.put(sized(8192), { beforeHole: true })), 0);
  refused('E2BIG', () => run(command.command, memory.put(sized(9000, 9000, 1))));
  equal(calls.length, 2);
});

test('bytes after the structure that cannot be read are EFAULT, unless one before them is not 0', () => {
  refused('EFAULT', () => run(command.command, memory.put(sized(8193, 8192), { beforeHole: true })));
  refused('EFAULT', () => run(command.command, memory.put(sized(0xffffffff, 4096), { beforeHole: true })));
  refused('E2BIG', () => run(command.command, memory.put(sized(0xffffffff, 4096, 1), { beforeHole: true })));
});

test('a structure of which only the size can be read is EFAULT', () => {
  refused('EFAULT', () => run(command.command, memory.put(sized(8, 4), { beforeHole: true })));
});

test('a shorter structure is filled up with zeros and written back only as far as it goes', () => {
  const bytes = sized(7, 12);
  bytes.fill(0xaa, 6);
  const at = memory.put(bytes);
  run(command.command, at);
  deepEqual([...(calls[0]?.bytes ?? [])], [7, 0, 0, 0, 0, 0, 0xaa, 0]);
  deepEqual([...memory.read(at, 12)], [7, 0, 0, 0, 0, 0, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa]);
});

test('the structure of old programs is taken at exactly its size', () => {
  equal(run(command.command, memory.put(sized(4))), 0);
  deepEqual([...(calls[0]?.bytes ?? [])], [4, 0, 0, 0, 0, 0, 0, 0]);
});

test('a structure can lie at any address, and across pages', () => {
  const at = memory.put(sized(8, 11), { beforeHole: true });
  equal(run(command.command, at), 0);
  const across = address(memory.map(8192) + 4093n);
  memory.write(across, sized(8));
  equal(run(command.command, across), 0);
  equal(memory.read(across, 8)[7], 0xff);
});

test('only the low 32 bits of the command count', () => {
  equal(run(command.command + 2 ** 40, memory.put(sized(8))), 0);
  equal(run(command.command - 2 ** 32, memory.put(sized(8))), 0);
});
