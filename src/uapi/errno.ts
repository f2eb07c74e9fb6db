/** The error numbers of Linux that luo gives or receives, the same on x86-64 and arm64 (asm-generic). */
export const errno = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  ENOEXEC: 8,
  EBADF: 9,
  ECHILD: 10,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ENOTTY: 25,
  ETXTBSY: 26,
  EFBIG: 27,
  ENOSPC: 28,
  ESPIPE: 29,
  EROFS: 30,
  EPIPE: 32,
  ERANGE: 34,
  EDEADLK: 35,
  ENAMETOOLONG: 36,
  ENOSYS: 38,
  ELOOP: 40,
  ENODATA: 61,
  EOVERFLOW: 75,
  ENOTSOCK: 88,
  EOPNOTSUPP: 95,
  EADDRINUSE: 98,
  ECONNREFUSED: 111,
} as const;

/** The name of an error number, such as `ENOENT`. */
export type ErrnoName = keyof typeof errno;

const names = new Map<number, ErrnoName>(
  // Object.entries widens the keys to string; they are those of the constant above.
  Object.entries(errno).map(([name, number]) => [number, name as ErrnoName]),
);

/** The name of an error number, such as `ENOENT` for 2; `E123` for one that is not in the table. */
export function errnoName(number: number): string {
  return names.get(number) ?? `E${number}`;
}

/** The same; undefined for one that is not in the table. */
export function knownErrno(number: number): ErrnoName | undefined {
  return names.get(number);
}
