/** What an error means where it comes from, and what to do about it. */

const DESCRIPTORS = 'this process has no descriptor left: close some, or raise "ulimit -n"';

/** By operation, then by the name of the error. From Linux 7.3 as measured, and patches 07 to 17 of the v5 series. */
const advice: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  open: {
    ENOENT:
      'there is no such device: it needs Linux 6.19 or later with CONFIG_LIVEUPDATE and "liveupdate=on" on the kernel\'s command line, or start this program by "luo run"',
    EBUSY: 'one program at a time may have it open: close it there, or hand its descriptor on',
    EACCES: 'this user may not open it: run as root, or let a program that may pass its descriptor on',
    EPERM: 'this user may not open it: run as root, or let a program that may pass its descriptor on',
    EIO: 'the kernel cannot read what the last generation left: its log says why',
    EMFILE: DESCRIPTORS,
  },
  CREATE_SESSION: {
    EEXIST: 'a session of this name is open: close it, here or in the process that has it, or take another name',
    EINVAL: 'this kernel does not take the name: take a shorter one',
    E2BIG: 'this kernel takes names of up to 55 bytes: take a shorter one',
    EMFILE: DESCRIPTORS,
    ENOMEM: 'the kernel has no memory for one more session: close one',
  },
  RETRIEVE_SESSION: {
    ENOENT: 'the last generation left no session of this name, or it was retrieved and closed',
    EINVAL: 'it was retrieved already and is open: use that one, here or in the process that has it',
    EMFILE: `${DESCRIPTORS}, and retrieve it again`,
  },
  PRESERVE_FD: {
    EEXIST: 'the session has a file under this token: take another token',
    EBADF: 'the descriptor is not open, or was opened with O_PATH',
    ENOENT: 'no handler of the kernel takes such a file: preserve memfds, which Memfd.create() makes',
    EBUSY:
      'the file is preserved already, in this session or another, or it was retrieved from a session that is not finished: finish() that one first',
    EINVAL: 'files are preserved in a session that this generation created: use createSession()',
    ENOSPC: 'the session has as many files as this kernel allows (128 in the v5 series): take another session',
    EFBIG: 'the file has more than 2^32-1 pages: use several files',
    EOPNOTSUPP: 'the file has a seal or a page size that cannot be preserved',
    ENOMEM: 'the kernel has no memory for it: preserve less',
  },
  RETRIEVE_FD: {
    ENOENT: 'the session has no file under this token, or is finished',
    EINVAL: 'files are retrieved from a session that the last generation created: use retrieveSession()',
    EMFILE: `${DESCRIPTORS}, and retrieve it again`,
    ENOMEM: 'the kernel had no memory to make the file again; Linux gives the same answer each time',
  },
  FINISH: {
    EINVAL: 'only a session that the last generation left can be finished: close() lets go of one that was created',
    EBUSY: 'a file is not ready to be finished: nothing has changed, try again later',
  },
  GET_NAME: {
    EINVAL: 'this kernel cannot tell the names of sessions: say the name',
    ENOTTY: 'the descriptor is not that of a session',
    EBADF: 'the descriptor is not open',
  },
  memfd_create: {
    EINVAL: 'a name has at most 249 bytes, and huge pages a size that the kernel knows',
    EMFILE: DESCRIPTORS,
    ENODEV: 'this system has no huge pages of that size',
  },
  ftruncate: {
    EPERM: 'it is preserved, or sealed: a preserved file keeps its size until its session is closed or finished',
    EINVAL: 'this kind of file does not take that size: huge pages want a whole number of them',
    EFBIG: 'it is larger than the system allows',
  },
  mmap: {
    ENOMEM: 'there is not enough memory, address space or huge pages: map less',
    EINVAL: 'the offset must be a whole number of pages of the file',
    EPERM: 'it is sealed against writing: read it with readSync of node:fs',
    EACCES: 'its descriptor is not open for reading and writing',
  },
  F_GET_SEALS: {
    EINVAL: 'the descriptor is not that of a memfd',
    EBADF: 'the descriptor is not open',
  },
  F_ADD_SEALS: {
    EPERM: 'it was made without { sealable: true }, is sealed with "seal", or is not open for writing',
    EBUSY: 'it is mapped or preserved: fill it with writeSync of node:fs, and seal it before map() and preserve()',
    EINVAL: 'this kernel does not know the seal',
  },
};

/** The sentence for an error of an operation. */
export function adviceFor(operation: string, code: string): string {
  return advice[operation]?.[code] ?? general[code] ?? 'the kernel gives no other reason';
}

/** What an error means wherever it comes from. */
const general: Readonly<Record<string, string>> = {
  EBADF: 'the descriptor is not open: it was closed elsewhere',
  EIO: 'the kernel has failed: its log says why',
  ENFILE: 'the system has no descriptor left: close some',
  ENOMEM: 'there is not enough memory',
  ENOTTY: 'the descriptor is neither that of the device nor that of a session',
  ENXIO: 'the device is there and its driver is not: boot with "liveupdate=on", or start this program by "luo run"',
  ENODEV: 'the device is there and its driver is not: boot with "liveupdate=on", or start this program by "luo run"',
};
