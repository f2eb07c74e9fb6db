import type { Kernel } from '../../kernel/kernel.js';

/** How a program opens a serial port. */
export interface SerialOpening {
  /** Flags of `open`, without O_NRESETDEV. */
  readonly flags: number;
  /** O_NRESETDEV. */
  readonly keep: boolean;
  /** Whether the program has CAP_SYS_ADMIN. */
  readonly privileged: boolean;
}

/** What an open gives: a descriptor for the program, which is the caller's to close, or something to wait for. */
export type SerialOpened = { readonly descriptor: number } | WaitingOpen;

/** An open that waits for carrier. */
export interface WaitingOpen {
  /** Something has happened. @throws KernelError as `open` */
  again(): SerialOpened;
  giveUp(): void;
}

/** A serial port of a machine, emulated or of the host. */
export interface SerialLine {
  /** Such as `ttyS0`: programs open `/dev/ttyS0`. */
  readonly name: string;
  /** Whether it is plugged in: its file is in /dev then. */
  readonly isThere: boolean;
  /** What programs' descriptors of it stand for (`st_rdev`); undefined while none can be open. */
  readonly device: bigint | undefined;
  /** Whether the host has it under the same name, and shows it. */
  readonly isHostFile: boolean;
  /** What is behind it, for people. */
  readonly description: string;
  /** @throws KernelError as the port's `open` */
  open(opening: SerialOpening): SerialOpened;
  /** A generation begins: its kernel drives the port from now on, and the programs of the last one are gone. */
  begin(kernel: Kernel): void;
  /** The machine ends. */
  close(): void;
}
