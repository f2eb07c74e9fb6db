/** `reboot`, `kexec_load` and `kexec_file_load`: of the machine, never of the host. */
import { readlinkSync } from 'node:fs';
import { KernelError } from '../../kernel/error.js';
import { errno } from '../../uapi/errno.js';
import {
  KEXEC_FILE_NO_INITRAMFS,
  KEXEC_FILE_ON_CRASH,
  KEXEC_FILE_UNLOAD,
  KEXEC_ON_CRASH,
  KEXEC_SEGMENT_MAX,
} from '../../uapi/kexec.js';
import * as uapi from '../../uapi/reboot.js';
import { descriptorPath } from '../task.js';
import { ANSWERED, type Answer, type EndKind, type LoadedImage, type Trap } from './trap.js';

export const powerTraps = {
  reboot,
  kexec_load: (trap: Trap) => watched(trap, 'kexec_load', kexecLoad),
  kexec_file_load: (trap: Trap) => watched(trap, 'kexec_file_load', kexecFileLoad),
};

function watched(trap: Trap, name: string, run: (trap: Trap) => number): Answer {
  return trap.context.calls.call(trap.call, name, () => run(trap));
}

function reboot(trap: Trap): Answer {
  const known: readonly number[] = uapi.LINUX_REBOOT_MAGIC2;
  if (trap.word(0) !== uapi.LINUX_REBOOT_MAGIC1 || !known.includes(trap.word(1))) return -errno.EINVAL;
  const { power } = trap.context;
  switch (trap.word(2)) {
    case uapi.LINUX_REBOOT_CMD_CAD_ON:
    case uapi.LINUX_REBOOT_CMD_CAD_OFF:
      return 0;
    case uapi.LINUX_REBOOT_CMD_KEXEC:
      return end(trap, 'kexec', 'LINUX_REBOOT_CMD_KEXEC', power.image === undefined ? noImage() : undefined);
    case uapi.LINUX_REBOOT_CMD_RESTART:
    case uapi.LINUX_REBOOT_CMD_RESTART2:
      return end(trap, 'restart', 'LINUX_REBOOT_CMD_RESTART');
    case uapi.LINUX_REBOOT_CMD_HALT:
    case uapi.LINUX_REBOOT_CMD_POWER_OFF:
      return end(trap, 'power-off', 'LINUX_REBOOT_CMD_POWER_OFF');
    default:
      return -errno.EINVAL;
  }
}

function end(trap: Trap, kind: EndKind, command: string, refusal?: KernelError): Answer {
  const { power, calls } = trap.context;
  const over = calls.reboot(trap.call, command);
  if (refusal !== undefined) {
    over({ code: refusal.errno, error: refusal });
    return -refusal.errno;
  }
  power.end(kind, trap.call, over);
  return ANSWERED;
}

function noImage(): KernelError {
  return new KernelError('EINVAL', 'Cannot kexec: no image is loaded; call kexec_load or kexec_file_load before');
}

function kexecFileLoad(trap: Trap): number {
  const flags = trap.word(4);
  if ((flags & ~(KEXEC_FILE_UNLOAD | KEXEC_FILE_ON_CRASH | KEXEC_FILE_NO_INITRAMFS)) !== 0) return -errno.EINVAL;
  const crash = (flags & KEXEC_FILE_ON_CRASH) !== 0;
  if ((flags & KEXEC_FILE_UNLOAD) !== 0) return record(trap, crash, undefined);
  const kernel = fileBehind(trap, trap.int(0));
  if (kernel === undefined) return -errno.EBADF;
  const initramfs = (flags & KEXEC_FILE_NO_INITRAMFS) === 0;
  if (initramfs && fileBehind(trap, trap.int(1)) === undefined) return -errno.EBADF;
  const problem = commandLineProblem(trap, Number(trap.call.arguments[2] ?? 0n));
  return problem ?? record(trap, crash, { path: kernel });
}

/** The command line must end with the NUL that its length counts. */
function commandLineProblem(trap: Trap, length: number): number | undefined {
  if (length === 0) return undefined;
  const COMMAND_LINE_SIZE = 2048;
  if (length > COMMAND_LINE_SIZE) return -errno.EINVAL;
  try {
    const text = trap.memory.read(trap.address(3), length);
    return text.at(-1) === 0 ? undefined : -errno.EINVAL;
  } catch (error) {
    if (error instanceof KernelError) return -error.errno;
    throw error;
  }
}

function kexecLoad(trap: Trap): number {
  const segments = trap.call.arguments[1] ?? 0n;
  const flags = trap.word(3);
  if (segments > BigInt(KEXEC_SEGMENT_MAX)) return -errno.EINVAL;
  return record(trap, (flags & KEXEC_ON_CRASH) !== 0, segments === 0n ? undefined : {});
}

function record(trap: Trap, crash: boolean, image: LoadedImage | undefined): number {
  const { power } = trap.context;
  if (crash) {
    power.crashImage = image;
    return 0;
  }
  power.image = image;
  if (image !== undefined) power.imageLoaded();
  return 0;
}

function fileBehind(trap: Trap, fd: number): string | undefined {
  try {
    return readlinkSync(descriptorPath(trap.tid, fd));
  } catch {
    return undefined;
  }
}
