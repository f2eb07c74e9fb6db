import { errno } from '../uapi/errno.js';
import { MFD_CLOEXEC, MFD_EXEC } from '../uapi/memfd.js';
import { numbers } from './architecture.js';
import { checked } from './descriptors.js';
import { syscall } from './libc.js';
import { pathAddress } from './scratch.js';

/**
 * An empty memfd, close-on-exec and executable. Executable, since a system may be set up to seal all others
 * (`vm.memfd_noexec`), and what has that seal is unwritable after a live update (measured on Linux 7.3).
 *
 * @param name at most 249 bytes of UTF-8 without a NUL
 * @param flags `MFD_*` beside those
 * @throws SystemError
 */
export function createMemfd(name: string, flags: number): number {
  const bytes = Buffer.from(name).toString('latin1');
  const create = (all: number) => syscall(numbers.memfd_create, pathAddress(bytes), all);
  const fd = create(flags | MFD_CLOEXEC | MFD_EXEC);
  // Linux before 6.3 does not know MFD_EXEC, and makes what it asks for.
  return checked('memfd_create', fd === -errno.EINVAL ? create(flags | MFD_CLOEXEC) : fd);
}
