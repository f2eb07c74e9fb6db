/** Whether this computer can run a machine at all. */
import { existsSync } from 'node:fs';
import { descriptorLimits } from '../host/processes.js';
import { userNotificationSupport } from '../host/seccomp.js';
import { errnoName } from '../uapi/errno.js';
import { SetupError } from './directories.js';

/** Node and luo hold about 40 descriptors; each session and each preserved file takes one more. */
const LEAST_DESCRIPTORS = 64n;

/** @throws SetupError that says what is missing and how to get it */
export function checkHost(): void {
  if (!existsSync('/proc/self/fd')) {
    throw new SetupError('Cannot run a machine: /proc is not mounted. Mount it: mount -t proc proc /proc');
  }
  const limit = descriptorLimits(0)?.hard;
  if (limit !== undefined && limit < LEAST_DESCRIPTORS) {
    throw new SetupError(
      `Cannot run a machine with ${limit} descriptors (RLIMIT_NOFILE): it needs at least ${LEAST_DESCRIPTORS}. Raise the hard limit: ulimit -Hn 4096`,
    );
  }
  const support = userNotificationSupport();
  if (support === 0) return;
  const reason = errnoName(-support);
  if (reason === 'EPERM' || reason === 'EACCES') {
    throw new SetupError(
      `Cannot run a machine: seccomp(2) is not allowed here (${reason}). In a container, allow it: ` +
        'docker run --security-opt seccomp=unconfined, or a profile that permits seccomp, pidfd_getfd and process_vm_readv',
    );
  }
  throw new SetupError(
    `Cannot run a machine: this kernel or container has no seccomp user notification (${reason}). It needs Linux 5.14 or ` +
      'later with CONFIG_SECCOMP_FILTER; in a container, --security-opt seccomp=unconfined',
  );
}
