/**
 * Bits in bytes, the lowest bit of the first byte first: how a bitmap of 64-bit words of Linux lies in memory on a
 * little-endian machine.
 */

export function testBit(bits: Uint8Array, index: number): boolean {
  return (byteOf(bits, index) & maskOf(index)) !== 0;
}

export function setBit(bits: Uint8Array, index: number): void {
  bits[index >> 3] = byteOf(bits, index) | maskOf(index);
}

export function clearBit(bits: Uint8Array, index: number): void {
  bits[index >> 3] = byteOf(bits, index) & ~maskOf(index);
}

/** Whether one of `count` bits from `start` is set. `count` is a power of two and `start` a multiple of it. */
export function anyBit(bits: Uint8Array, start: number, count: number): boolean {
  if (count >= 8) return bits.subarray(start >> 3, (start + count) >> 3).some((byte) => byte !== 0);
  const mask = ((1 << count) - 1) << (start & 7);
  return (byteOf(bits, start) & mask) !== 0;
}

/** The indices of the bits that are set, in ascending order. */
export function* setBits(bits: Uint8Array): Generator<number> {
  for (const [at, byte] of bits.entries()) {
    for (let rest = byte; rest !== 0; rest &= rest - 1) {
      // rest & -rest keeps the lowest bit that is set; the loop clears it.
      yield at * 8 + 31 - Math.clz32(rest & -rest);
    }
  }
}

export function countBits(bits: Uint8Array): number {
  let count = 0;
  for (const byte of bits) {
    for (let rest = byte; rest !== 0; rest &= rest - 1) count += 1;
  }
  return count;
}

function byteOf(bits: Uint8Array, index: number): number {
  return bits[index >> 3] ?? 0;
}

function maskOf(index: number): number {
  return 1 << (index & 7);
}
