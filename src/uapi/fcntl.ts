/** `fcntl.h`: the flags of `open`, the commands of `fcntl`, seals and the flags of the `*at` calls. */

export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_EACCESS = 0x200;
export const AT_REMOVEDIR = 0x200;
export const AT_SYMLINK_FOLLOW = 0x400;
export const AT_NO_AUTOMOUNT = 0x800;
export const AT_EMPTY_PATH = 0x1000;

export const fcntlCommands = {
  F_DUPFD: 0,
  F_GETFD: 1,
  F_SETFD: 2,
  F_GETFL: 3,
  F_SETFL: 4,
  F_DUPFD_QUERY: 1027,
  F_DUPFD_CLOEXEC: 1030,
  F_ADD_SEALS: 1033,
  F_GET_SEALS: 1034,
} as const;

/** The flag of `F_GETFD` and `F_SETFD`. */
export const FD_CLOEXEC = 1;

// What a file can be sealed against. A seal is never taken off.
export const F_SEAL_SEAL = 0x01;
export const F_SEAL_SHRINK = 0x02;
export const F_SEAL_GROW = 0x04;
export const F_SEAL_WRITE = 0x08;
export const F_SEAL_FUTURE_WRITE = 0x10;
export const F_SEAL_EXEC = 0x20;

/** The six seals above, all that Linux 7.3 knows. */
export const ALL_SEALS = 0x3f;

const commonOpenFlags = {
  O_ACCMODE: 0o3,
  O_RDONLY: 0o0,
  O_WRONLY: 0o1,
  O_RDWR: 0o2,
  O_CREAT: 0o100,
  O_EXCL: 0o200,
  O_NOCTTY: 0o400,
  O_TRUNC: 0o1000,
  O_APPEND: 0o2000,
  O_NONBLOCK: 0o4000,
  O_DSYNC: 0o10000,
  O_ASYNC: 0o20000,
  O_NOATIME: 0o1000000,
  O_CLOEXEC: 0o2000000,
  O_SYNC: 0o4010000,
  O_PATH: 0o10000000,
} as const;

const x64OpenFlags = {
  ...commonOpenFlags,
  O_DIRECT: 0o40000,
  O_LARGEFILE: 0o100000,
  O_DIRECTORY: 0o200000,
  O_NOFOLLOW: 0o400000,
  O_TMPFILE: 0o20200000,
} as const;

const arm64OpenFlags = {
  ...commonOpenFlags,
  O_DIRECTORY: 0o40000,
  O_NOFOLLOW: 0o100000,
  O_DIRECT: 0o200000,
  O_LARGEFILE: 0o400000,
  O_TMPFILE: 0o20040000,
} as const;

export type OpenFlagName = keyof typeof x64OpenFlags;

const openFlagTables: Record<string, Readonly<Record<OpenFlagName, number>> | undefined> = {
  x64: x64OpenFlags,
  arm64: arm64OpenFlags,
};

/**
 * The flags of `open` on an architecture, by the name that Node has for it.
 *
 * @throws Error where luo does not know the architecture
 */
export function openFlags(architecture: string): Readonly<Record<OpenFlagName, number>> {
  const table = openFlagTables[architecture];
  if (table !== undefined) return table;
  throw new Error(`Cannot tell the flags of open on architecture "${architecture}": luo knows x64 and arm64`);
}

/**
 * A device is opened as it is: no line, no setting and no state of it is touched (proposed to Linux in November 2025; no
 * Linux has it). Its bit is the lowest that no architecture of luo's and no Linux up to 7.3 uses, and it goes together
 * with O_DIRECTORY: `open` drops bits that it does not know without a word, and the device would be opened as ever; with
 * O_DIRECTORY, every Linux without the flag refuses whatever is no directory (ENOTDIR) before it touches it.
 */
export function nresetdev(architecture: string): number {
  return NRESETDEV_BIT | openFlags(architecture).O_DIRECTORY;
}

/** The bit that is the flag's alone. */
export const NRESETDEV_BIT = 1 << 23;
