import { writeFileSync } from 'node:fs';

/**
 * Writes what kexec-tools takes for a kernel of x86-64: a file of 64 KiB with the header of the Linux boot protocol,
 * version 2.12, and nothing else.
 */
export function writeKernelImage(path: string): void {
  const image = Buffer.alloc(1 << 16);
  const setupSectors = 0x1f1;
  const bootFlag = 0x1fe;
  const magic = 0x202;
  const version = 0x206;
  const loadFlags = 0x211;
  const extendedLoadFlags = 0x236;
  image.writeUInt8(4, setupSectors);
  image.writeUInt16LE(0xaa55, bootFlag);
  image.write('HdrS', magic, 'latin1');
  image.writeUInt16LE(0x020c, version);
  // Loaded high; can be entered in 64-bit mode and above 4 GiB.
  image.writeUInt8(1, loadFlags);
  image.writeUInt16LE(3, extendedLoadFlags);
  writeFileSync(path, image);
}
