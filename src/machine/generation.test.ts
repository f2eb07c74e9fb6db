import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { close } from '../host/descriptors.js';
import type { Listener, Notification } from '../host/seccomp.js';
import type { File } from '../kernel/fs/file.js';
import type { Kernel } from '../kernel/kernel.js';
import { errno } from '../uapi/errno.js';
import { LIVEUPDATE_SESSION_FINISH } from '../uapi/liveupdate.js';
import { LINUX_REBOOT_CMD_POWER_OFF, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2 } from '../uapi/reboot.js';
import { syscallNumbers } from '../uapi/syscalls.js';
import { SIOCSIFFLAGS } from './filter.js';
import { Generation } from './generation.js';
import { Injector } from './injector.js';
import { Recorder } from './recorder.js';
import { Remains } from './remains.js';

const numbers = syscallNumbers(process.arch);

/** Gives out one call at a time, made by this process, and keeps what it is answered with. */
class FakeListener {
  readonly fd = -1;
  call: Notification | undefined;
  answers: (number | 'proceed')[] = [];

  receive(): Notification | undefined {
    return this.call;
  }

  isValid(): boolean {
    return true;
  }

  respond(_id: bigint, result: number): boolean {
    this.answers.push(result);
    return true;
  }

  proceed(): boolean {
    this.answers.push('proceed');
    return true;
  }
}

test('after a panic no call that would end the host goes on, and all others do', () => {
  const listener = new FakeListener();
  const ended: string[] = [];
  const panics: unknown[] = [];
  const generation = new Generation({
    number: 1,
    // A kernel with a bug in every command is all that is needed of one.
    kernel: {
      ioctl() {
        throw new TypeError('a bug');
      },
    } as unknown as Kernel,
    // What the generation uses of a listener, the fake has.
    listener: listener as unknown as Listener,
    strict: false,
    serial: undefined,
    placeholder: { path: '/nowhere', inode: '0:0' },
    watching: { recorder: new Recorder(), injector: new Injector([]), kill: () => {} },
    remains: new Remains(),
    power: { image: undefined, crashImage: undefined, imageLoaded() {}, end: (kind) => ended.push(kind) },
    panicked: (error) => panics.push(error),
  });
  const serve = (number: number, ...given: number[]) => {
    listener.answers = [];
    listener.call = {
      id: 1n,
      tid: process.pid,
      number,
      arguments: [...given, 0, 0, 0, 0, 0, 0].slice(0, 6).map(BigInt),
    };
    generation.serve();
    return listener.answers;
  };
  // The file is never looked into: the kernel fails before.
  const channel = generation.channels.open({} as File, 0, false);

  deepEqual(serve(numbers.ioctl, channel.theirs, LIVEUPDATE_SESSION_FINISH), [-errno.EIO]);
  equal(panics.length, 1);
  equal(generation.hasPanicked, true);
  deepEqual(serve(numbers.ioctl, channel.theirs, LIVEUPDATE_SESSION_FINISH), [-errno.EIO]);

  deepEqual(serve(numbers.reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2[0], LINUX_REBOOT_CMD_POWER_OFF), []);
  deepEqual(ended, ['power-off']);
  deepEqual(serve(numbers.reboot, 1, 2, 3), [-errno.EINVAL]);
  deepEqual(serve(numbers.kexec_load, 0, 0, 0, 0), [0]);
  deepEqual(serve(numbers.kexec_file_load, 99, 99, 0, 0, 0), [-errno.EBADF]);
  // Of this process, which is not kexec.
  deepEqual(serve(numbers.ioctl, 0, SIOCSIFFLAGS), ['proceed']);
  deepEqual(serve(numbers.openat, 0, 0, 0), ['proceed']);
  equal(panics.length, 1);

  generation.channels.abandon(channel);
  close(generation.channels.epoll.fd);
});
