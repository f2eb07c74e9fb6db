/** The virtual computer: what QEMU is told, and the ramdisks. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { compile } from '../compile.js';
import { writeInitramfs } from './initramfs.js';

const MEBIBYTE = 1 << 20;

export interface Hardware {
  /** The path of the bzImage. */
  readonly image: string;
  /** Files of this computer that are there too, under the same paths. */
  readonly files: readonly string[];
  /** How many kernels there can be, one after the other. */
  readonly generations: number;
  /** MiB; 1024 unless told. */
  readonly memory?: number;
  /** More arguments of QEMU. */
  readonly devices?: readonly string[];
}

/**
 * Prepares what a computer starts from. It has two serial ports: the kernel's messages go to a file, and test/kernel/init.c
 * and the programs talk through QEMU's own input and output.
 *
 * @param directory for the ramdisks
 * @returns QEMU's arguments
 */
export function prepare(hardware: Hardware, directory: string, console: string): string[] {
  const commandLine = commandLineFor(hardware);
  const initrd = makeInitramfs(hardware, directory, commandLine);
  return [
    ['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-monitor', 'none'],
    // Any computer can do this, without /dev/kvm.
    ['-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m', `${hardware.memory ?? 1024}M`],
    ['-serial', `file:${console}`, '-serial', 'stdio'],
    ['-kernel', hardware.image, '-initrd', initrd, '-append', commandLine],
    hardware.devices ?? [],
  ].flat();
}

/**
 * Linux has the next kernel and its ramdisk in the scratch memory of KHO, in one piece each, and boots in what is left
 * of it: what it takes for that by itself is too little for a large ramdisk.
 */
function commandLineFor({ files, generations }: Hardware): string {
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  const scratch = 64 + 2 * Math.ceil((bytes * (generations - 1)) / MEBIBYTE);
  return `console=ttyS0 kho=on kho_scratch=16M,${scratch}M,0 liveupdate=on panic=-1`;
}

/** Each generation but the last has the next one's ramdisk in its own. */
function makeInitramfs({ image, files, generations }: Hardware, directory: string, commandLine: string): string {
  const path = join(directory, `initramfs-${generations}`);
  const content = new Map<string, string | Uint8Array>([['/init', compile('test/kernel/init.c')]]);
  for (const file of files) content.set(file, file);
  if (generations > 1) {
    content.set('/next/kernel', image);
    content.set('/next/initrd', makeInitramfs({ image, files, generations: generations - 1 }, directory, commandLine));
    content.set('/next/command-line', Buffer.from(commandLine));
  }
  writeInitramfs(path, content);
  return path;
}
