/** Whether a preserved memfd can come back as the inode that it is, with the seals and the mode that Linux gives it. */
import { F_SEAL_EXEC, F_SEAL_FUTURE_WRITE, F_SEAL_GROW, F_SEAL_SHRINK, F_SEAL_WRITE } from '../../uapi/fcntl.js';

/** The seals that `F_SEAL_EXEC` implies on a file with an execute bit (measured on Linux 7.3). */
export const WRITE_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;

const EXECUTE_BITS = 0o111;

/** The inode as it is when it is retrieved. */
export interface SealedInode {
  /** `F_SEAL_*` bits. */
  readonly seals: number;
  /** The permission bits. */
  readonly permissions: number;
}

/** How a file comes back. */
export type Restoration =
  /** As the very inode: it has the seals, and can get the mode. */
  | { readonly kind: 'reopen' }
  /** As a copy, which gets these seals. */
  | { readonly kind: 'copy'; readonly seals: number };

/**
 * Linux puts the pages into a new file of mode 0777 and adds the seals that the preserved one had when it was preserved.
 * An inode can stand for that file if it has just these seals, and if no seal keeps it from getting that mode: no seal
 * ever comes off an inode.
 *
 * @param recorded the `F_SEAL_*` bits that were written down when the file was preserved; 0 for a format that has none
 */
export function restorationOf(recorded: number, { seals, permissions }: SealedInode): Restoration {
  const restored = (recorded & F_SEAL_EXEC) === 0 ? recorded : recorded | WRITE_SEALS;
  const keepsMode = (seals & F_SEAL_EXEC) !== 0 && (permissions & EXECUTE_BITS) !== EXECUTE_BITS;
  return seals === restored && !keepsMode ? { kind: 'reopen' } : { kind: 'copy', seals: restored };
}
