/** The kinds of open files of the host that can pass as they are, each asked for by its name. Linux preserves none. */
import type { FileStatus } from '../hardware.js';

/** As `--preserve` names them. */
export const passedKinds = ['sockets', 'pipes', 'eventfds', 'timerfds', 'files'] as const;
export type PassedKind = (typeof passedKinds)[number];

/** What a handler needs to know of a kind. */
export interface PassedKindRules {
  /** What the next kernel knows the kind by. */
  readonly compatible: string;
  /** Whether an open file is of the kind. */
  takes(status: FileStatus): boolean;
  /** Whether its files have a size. */
  readonly sized: boolean;
}

export const rulesOfKind: Readonly<Record<PassedKind, PassedKindRules>> = {
  sockets: { compatible: 'socket-v1', takes: ({ type }) => type === 'socket', sized: false },
  pipes: { compatible: 'pipe-v1', takes: ({ type }) => type === 'pipe', sized: false },
  eventfds: { compatible: 'eventfd-v1', takes: ({ link }) => link === 'anon_inode:[eventfd]', sized: false },
  timerfds: { compatible: 'timerfd-v1', takes: ({ link }) => link === 'anon_inode:[timerfd]', sized: false },
  files: { compatible: 'file-v1', takes: isFile, sized: true },
};

/** Memory without a name has handlers of its own. A pidfd and a namespace may be regular files, too, but in no directory. */
function isFile({ type, kind, links, link }: FileStatus): boolean {
  return type === 'regular' && link.startsWith('/') && (kind === 'other' || links > 0);
}

/** What a file is that no handler has taken, for people, and what would take it. */
export function describeUnhandled(status: FileStatus): string {
  const kind = passedKinds.find((one) => rulesOfKind[one].takes(status)) ?? (isHugetlb(status) ? 'hugetlb' : undefined);
  return kind === undefined ? status.link : `${status.link}; luo run --preserve ${kind} has one`;
}

function isHugetlb({ kind, links }: FileStatus): boolean {
  return kind === 'hugetlb' && links === 0;
}
