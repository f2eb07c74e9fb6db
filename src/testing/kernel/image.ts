/** Which Linux the tests boot, and whether that can be done here. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Where it is looked for when nobody says where: what scripts/build-kernel.sh makes comes first. */
const places: readonly string[] = ['build/kernel/bzImage', '../shared/kernel/bzImage'];

/**
 * Finds a kernel with live update, for x86-64.
 *
 * @param env its LUO_KERNEL is the path of one
 * @returns the path, or undefined where there is none
 * @throws Error where LUO_KERNEL leads nowhere
 */
export function findImage(env: NodeJS.ProcessEnv = process.env, from = root): string | undefined {
  const given = env['LUO_KERNEL'];
  if (given === undefined || given === '') return places.map((place) => resolve(from, place)).find(existsSync);
  if (existsSync(given)) return resolve(given);
  throw new Error(`Cannot boot the kernel of LUO_KERNEL: there is no file "${given}". Give the path of a bzImage`);
}

/** Why no kernel can be booted here and what to do about it, or false. */
export function cannotBoot(image: string | undefined, architecture = process.arch): string | false {
  if (architecture !== 'x64')
    return `the kernel is one for x86-64, and programs that are compiled here are for ${architecture}`;
  if (image === undefined) {
    return 'there is no kernel to boot: make one with scripts/build-kernel.sh, or set LUO_KERNEL to the path of a bzImage (docs/real-kernel.md)';
  }
  return spawnSync('qemu-system-x86_64', ['--version']).status === 0
    ? false
    : 'there is no QEMU: apt-get install qemu-system-x86';
}
