import {
  LIVEUPDATE_SESSION_NAME_LENGTH,
  LIVEUPDATE_SESSION_NAME_LENGTH_V5,
  LiveupdateSize,
} from '../../uapi/liveupdate.js';
import type { WireFormat } from './abi.js';

/** Whose behaviour programs see: that of Linux 7.3 as measured, or that of the v5 patch series to the letter. */
export type Profile = 'linux' | 'v5';

/** How a memfd is laid out for the next kernel: `memfd-v1` of the v5 series, or `memfd-v2` of Linux 7.3. */
export type MemfdFormatName = 'memfd-v1' | 'memfd-v2';

/** All that differs between the profiles. Code asks for a rule and never for the profile itself. */
export interface Rules {
  /** Bytes of a session's name with its NUL, as it is kept and handed over. */
  readonly nameLength: number;
  /** The structure of CREATE_SESSION, and a shorter one that is taken at exactly its own size. */
  readonly createSize: number;
  readonly createSizeOfOldPrograms: number | undefined;
  /** The shortest structure of FINISH. */
  readonly finishMinimum: number;
  /** Whether bits of FINISH that nobody uses yet must be 0. */
  readonly finishChecksReserved: boolean;
  readonly hasGetName: boolean;
  /** Whether a session refuses, with EINVAL, what makes sense only on the other side of a live update. */
  readonly checksSessionType: boolean;
  /** The format that LUO's state is written in, and those that are read. */
  readonly wireFormat: WireFormat;
  readonly readsWireFormats: readonly WireFormat[];
  /** The format that a memfd is written in, and those that are read. */
  readonly memfdFormat: MemfdFormatName;
  readonly readsMemfdFormats: readonly MemfdFormatName[];
  /** In `luo-v1`, pages for the table of sessions, and for that of a session's files: grown as needed, or fixed. */
  readonly sessionTable: TableRule;
  readonly fileTable: TableRule;
  /** Whether PRESERVE_FD makes room before it looks at the descriptor. */
  readonly makesRoomFirst: boolean;
  /** Whether a file can be in one session only, and there once. */
  readonly oneTokenPerFile: boolean;
  /** Whether a retrieve that failed fails again in the same way, and is not tried again. */
  readonly remembersFailedRetrieve: boolean;
  /** Whether the device stays shut when what the last kernel left cannot be read. */
  readonly reportsUnreadableHandover: boolean;
  /** Whether a frozen file may be resized to the size that it has. */
  readonly allowsResizeToSameSize: boolean;
  /** The most pages of a memfd. */
  readonly maximumPages: number;
  /** Whether a memfd with a seal that the kernel does not know is refused. */
  readonly refusesUnknownSeals: boolean;
}

export interface TableRule {
  readonly pages: number;
  readonly grows: boolean;
}

/** Linux 7.3: measured, or read where no program can see it. */
const linux: Rules = {
  nameLength: LIVEUPDATE_SESSION_NAME_LENGTH,
  createSize: LiveupdateSize.createSession,
  createSizeOfOldPrograms: LiveupdateSize.createSessionV5,
  finishMinimum: LiveupdateSize.finish,
  finishChecksReserved: true,
  hasGetName: true,
  checksSessionType: true,
  wireFormat: 'luo-v5',
  readsWireFormats: ['luo-v5', 'luo-v1'],
  memfdFormat: 'memfd-v2',
  readsMemfdFormats: ['memfd-v2', 'memfd-v1'],
  sessionTable: { pages: 1, grows: true },
  fileTable: { pages: 1, grows: true },
  makesRoomFirst: true,
  oneTokenPerFile: true,
  remembersFailedRetrieve: true,
  reportsUnreadableHandover: true,
  allowsResizeToSameSize: true,
  maximumPages: 2 ** 32 - 1,
  refusesUnknownSeals: true,
};

/** The v5 series: patches 07, 08, 09, 14 and 17. */
const v5: Rules = {
  nameLength: LIVEUPDATE_SESSION_NAME_LENGTH_V5,
  createSize: LiveupdateSize.createSessionV5,
  createSizeOfOldPrograms: undefined,
  finishMinimum: LiveupdateSize.finishMinimumV5,
  finishChecksReserved: false,
  hasGetName: false,
  checksSessionType: false,
  wireFormat: 'luo-v1',
  readsWireFormats: ['luo-v1'],
  memfdFormat: 'memfd-v1',
  readsMemfdFormats: ['memfd-v1'],
  sessionTable: { pages: 16, grows: false },
  fileTable: { pages: 2, grows: false },
  makesRoomFirst: false,
  oneTokenPerFile: false,
  remembersFailedRetrieve: false,
  reportsUnreadableHandover: false,
  allowsResizeToSameSize: false,
  maximumPages: Number.POSITIVE_INFINITY,
  refusesUnknownSeals: false,
};

export function rulesOf(profile: Profile): Rules {
  return profile === 'v5' ? v5 : linux;
}
