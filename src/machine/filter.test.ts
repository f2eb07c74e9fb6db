import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM, AUDIT_ARCH_I386, AUDIT_ARCH_X86_64 } from '../uapi/audit.js';
import { errno } from '../uapi/errno.js';
import { AT_EMPTY_PATH, fcntlCommands } from '../uapi/fcntl.js';
import { LIVEUPDATE_IOCTL_CREATE_SESSION, LIVEUPDATE_SESSION_FINISH } from '../uapi/liveupdate.js';
import { SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO, SECCOMP_RET_USER_NOTIF } from '../uapi/seccomp.js';
import { type SyscallName, type SyscallNumbers, syscallNumbers } from '../uapi/syscalls.js';
import { filterProgram, MADV_REMOVE, MSG_NOSIGNAL, SIOCSIFFLAGS } from './filter.js';

const TCGETS = 0x5401;
const X32_BIT = 0x40000000;
const AUDIT_ARCH_OTHER = 0xc00000f3;

const machines = [
  { name: 'x64', native: AUDIT_ARCH_X86_64, compatible: AUDIT_ARCH_I386, compatibleKexec: [283] },
  { name: 'arm64', native: AUDIT_ARCH_AARCH64, compatible: AUDIT_ARCH_ARM, compatibleKexec: [347, 401] },
];

for (const { name, native, compatible, compatibleKexec } of machines) {
  const numbers = syscallNumbers(name);
  const ordinary = filterProgram(name, { strict: false });
  const strict = filterProgram(name, { strict: true });
  const ask = (program: Uint8Array, number: number, ...args: Array<number | bigint>) =>
    run(program, { number, architecture: native, args });

  describe(`the filter on ${name}`, () => {
    test('notifies of everything that names a file, moves a frozen file or ends the machine', () => {
      const always: readonly SyscallName[] = [
        'open',
        'openat',
        'openat2',
        'creat',
        'ftruncate',
        'truncate',
        'fallocate',
        'readlink',
        'readlinkat',
        'fstatfs',
        'stat',
        'lstat',
        'access',
        'faccessat',
        'faccessat2',
        'getxattr',
        'lgetxattr',
        'listxattr',
        'llistxattr',
        'shutdown',
        'kexec_load',
        'kexec_file_load',
        'reboot',
      ];
      for (const call of known(numbers, always)) {
        assert.equal(ask(ordinary, numbers[call] ?? -1), 'notify', call);
        assert.equal(ask(strict, numbers[call] ?? -1), 'notify', call);
      }
    });

    test("notifies of LUO's ioctls, and lets those of terminals and sockets pass", () => {
      const ioctl = (program: Uint8Array, command: number | bigint) => ask(program, numbers.ioctl, 3, command);
      for (const command of [LIVEUPDATE_IOCTL_CREATE_SESSION, LIVEUPDATE_SESSION_FINISH, SIOCSIFFLAGS]) {
        assert.equal(ioctl(ordinary, command), 'notify');
        assert.equal(ioctl(strict, command), 'notify');
      }
      // The kernel looks at 32 bits of the command, whatever is above.
      assert.equal(ioctl(ordinary, 0xffffffff_0000ba00n), 'notify');
      // Any direction and size with LUO's type.
      assert.equal(ioctl(ordinary, 0xc018baff), 'notify');
      assert.equal(ioctl(ordinary, TCGETS), 'allow');
      assert.equal(ioctl(ordinary, 0xba000000), 'allow');
      assert.equal(ioctl(ordinary, 0x00ba), 'allow');
      assert.equal(ioctl(strict, TCGETS), 'notify');
      const serial = filterProgram(name, { strict: false, serial: true });
      assert.equal(ioctl(serial, TCGETS), 'notify');
      assert.equal(ioctl(serial, SIOCSIFFLAGS), 'notify');
      assert.equal(ioctl(serial, 0x8901), 'allow');
    });

    test('notifies of seals that are added, and of status flags where it is strict', () => {
      const { F_ADD_SEALS, F_GETFL, F_GETFD } = fcntlCommands;
      const fcntl = (program: Uint8Array, command: number) => ask(program, numbers.fcntl, 3, command);
      assert.equal(fcntl(ordinary, F_ADD_SEALS), 'notify');
      assert.equal(fcntl(ordinary, F_GETFL), 'allow');
      assert.equal(fcntl(ordinary, F_GETFD), 'allow');
      assert.equal(fcntl(strict, F_ADD_SEALS), 'notify');
      assert.equal(fcntl(strict, F_GETFL), 'notify');
      assert.equal(fcntl(strict, F_GETFD), 'allow');
    });

    test('lets the status of a descriptor pass, but for a strict machine', () => {
      assert.equal(ask(ordinary, numbers.newfstatat, 3, 0, 0, AT_EMPTY_PATH), 'allow');
      assert.equal(ask(ordinary, numbers.newfstatat, 3, 0, 0, 0), 'notify');
      assert.equal(ask(ordinary, numbers.statx, 3, 0, AT_EMPTY_PATH), 'allow');
      assert.equal(ask(ordinary, numbers.statx, 3, 0, 0), 'notify');
      assert.equal(ask(ordinary, numbers.fstat, 3), 'allow');
      assert.equal(ask(strict, numbers.newfstatat, 3, 0, 0, AT_EMPTY_PATH), 'notify');
      assert.equal(ask(strict, numbers.statx, 3, 0, AT_EMPTY_PATH), 'notify');
      assert.equal(ask(strict, numbers.fstat, 3), 'notify');
    });

    test('lets what moves data pass, but for a strict machine', () => {
      const data: readonly SyscallName[] = [
        'read',
        'readv',
        'pread64',
        'preadv',
        'preadv2',
        'write',
        'writev',
        'pwrite64',
        'pwritev',
        'pwritev2',
        'sendfile',
        'splice',
        'copy_file_range',
        'sendmsg',
        'recvfrom',
        'recvmsg',
        'getsockopt',
        'setsockopt',
        'getsockname',
        'getpeername',
        'epoll_ctl',
        'fchmod',
        'fchown',
      ];
      for (const call of known(numbers, data)) {
        assert.equal(ask(ordinary, numbers[call] ?? -1, 3), 'allow', call);
        assert.equal(ask(strict, numbers[call] ?? -1, 3), 'notify', call);
      }
      assert.equal(ask(ordinary, numbers.madvise, 0, 4096, MADV_REMOVE), 'allow');
      assert.equal(ask(strict, numbers.madvise, 0, 4096, MADV_REMOVE), 'notify');
      assert.equal(ask(strict, numbers.madvise, 0, 4096, 4), 'allow');
      assert.equal(ask(ordinary, numbers.utimensat, 3, 0), 'allow');
      assert.equal(ask(strict, numbers.utimensat, 3, 0), 'notify');
      assert.equal(ask(strict, numbers.utimensat, 3, 4096), 'allow');
    });

    test('notifies of data that is sent on a strict machine, but for what a launcher sends', () => {
      assert.equal(ask(ordinary, numbers.sendto, 3, 4096, 1, 0), 'allow');
      assert.equal(ask(strict, numbers.sendto, 3, 4096, 1, 0), 'notify');
      assert.equal(ask(strict, numbers.sendto, 3, 4096, 1, MSG_NOSIGNAL), 'allow');
    });

    test('has no io_uring where it is strict', () => {
      assert.equal(ask(ordinary, numbers.io_uring_setup, 1), 'allow');
      assert.equal(ask(strict, numbers.io_uring_setup, 1), errno.ENOSYS);
    });

    test('lets all other calls pass, whatever their arguments look like', () => {
      const trapped = new Set(Object.keys(numbers).filter((call) => ask(strict, numberOf(numbers, call)) !== 'allow'));
      for (const call of Object.keys(numbers).filter((one) => !trapped.has(one))) {
        const argument = LIVEUPDATE_IOCTL_CREATE_SESSION;
        assert.equal(ask(ordinary, numberOf(numbers, call), argument), 'allow', call);
        assert.equal(ask(strict, numberOf(numbers, call), argument), 'allow', call);
      }
      for (const call of ['close', 'mmap', 'clone', 'execve', 'exit_group', 'kill', 'socket', 'futex'] as const) {
        assert.ok(!trapped.has(call), call);
      }
    });

    test('lets 32-bit programs run, but not stop the host', () => {
      for (const program of [ordinary, strict]) {
        const askCompatible = (number: number) => run(program, { number, architecture: compatible, args: [] });
        for (const number of [88, ...compatibleKexec]) assert.equal(askCompatible(number), errno.EPERM);
        // luo reads no 32-bit arguments: what is notified of elsewhere by its number alone passes here.
        for (const number of [5, 54, numbers.openat, numbers.ioctl, numbers.reboot]) {
          assert.equal(askCompatible(number), 'allow');
        }
      }
    });

    test('gives no calls to x32 and to architectures that it does not know', () => {
      for (const program of [ordinary, strict]) {
        for (const number of [numbers.openat, numbers.ioctl, numbers.reboot, numbers.getpid]) {
          assert.equal(ask(program, X32_BIT | number), errno.ENOSYS);
          assert.equal(run(program, { number, architecture: AUDIT_ARCH_OTHER, args: [] }), errno.ENOSYS);
        }
      }
    });

    test('leaves the result of a call that a debugger has skipped to the debugger', () => {
      assert.equal(ask(ordinary, 0xffffffff), 'allow');
      assert.equal(ask(strict, 0xffffffff), 'allow');
    });
  });
}

test('the filter of an architecture that luo does not know is refused by name', () => {
  assert.throws(() => filterProgram('riscv64', { strict: false }), /riscv64/);
});

function known(numbers: SyscallNumbers, calls: readonly SyscallName[]): SyscallName[] {
  return calls.filter((call) => numbers[call] !== undefined);
}

function numberOf(numbers: SyscallNumbers, call: string): number {
  // The names are keys of the same table. A call that the architecture does not have is one that nobody traps.
  return numbers[call as SyscallName] ?? 1_000_000;
}

interface Data {
  readonly number: number;
  readonly architecture: number;
  readonly args: ReadonlyArray<number | bigint>;
}

/** `struct seccomp_data`. */
function dataOf({ number, architecture, args }: Data): DataView {
  const view = new DataView(new ArrayBuffer(64));
  view.setUint32(0, number >>> 0, true);
  view.setUint32(4, architecture, true);
  args.forEach((argument, index) => {
    view.setBigUint64(16 + 8 * index, BigInt(argument), true);
  });
  return view;
}

/** What the filter answers: `notify`, `allow`, or an error number. Knows the instructions that luo makes. */
function run(program: Uint8Array, data: Data): 'notify' | 'allow' | number {
  const code = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const input = dataOf(data);
  let accumulator = 0;
  for (let pc = 0; ; pc++) {
    // The kernel refuses a program that could run past its end.
    assert.ok(pc * 8 < program.length, 'it runs past its end');
    const operand = code.getUint32(pc * 8 + 4, true);
    const jump = (holds: boolean) => {
      pc += code.getUint8(pc * 8 + (holds ? 2 : 3));
    };
    switch (code.getUint16(pc * 8, true)) {
      case 0x20:
        accumulator = input.getUint32(operand, true);
        break;
      case 0x54:
        accumulator = (accumulator & operand) >>> 0;
        break;
      case 0x15:
        jump(accumulator === operand);
        break;
      case 0x35:
        jump(accumulator >= operand);
        break;
      case 0x06:
        return actionOf(operand);
      default:
        assert.fail(`instruction ${pc} is none that this knows`);
    }
  }
}

function actionOf(value: number): 'notify' | 'allow' | number {
  if (value === SECCOMP_RET_ALLOW) return 'allow';
  if (value === SECCOMP_RET_USER_NOTIF) return 'notify';
  assert.equal((value & 0xffff0000) >>> 0, SECCOMP_RET_ERRNO);
  return value & 0xffff;
}
