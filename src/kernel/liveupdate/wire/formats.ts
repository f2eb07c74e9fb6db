/** The formats in which one kernel can leave LUO's state to the next one, by name. */
import { KernelError } from '../../error.js';
import type { Kho } from '../../kho/kho.js';
import type { PhysicalAddress } from '../../units.js';
import type { IncomingState, OutgoingState, WireFormat } from '../abi.js';
import type { Rules } from '../profile.js';
import { peekPreserved, restorePreserved } from '../restore.js';
import { formatNameIn } from './format-name.js';
import { LuoV1Reader } from './luo-v1-reader.js';
import { LuoV1Writer } from './luo-v1-writer.js';
import { LuoV5Reader } from './luo-v5-reader.js';
import { LuoV5Writer } from './luo-v5-writer.js';

interface Format {
  write(kho: Kho, rules: Rules, number: bigint): OutgoingState;
  open(kho: Kho, address: PhysicalAddress): IncomingState;
}

const formats: Readonly<Record<WireFormat, Format>> = {
  'luo-v1': {
    write: (kho, rules, number) => new LuoV1Writer(kho, rules, number),
    open: (kho, address) => LuoV1Reader.open(kho, address),
  },
  'luo-v5': {
    write: (kho, _rules, number) => new LuoV5Writer(kho, number),
    open: (kho, address) => LuoV5Reader.open(kho, address),
  },
};

const WHAT = 'the state of the last kernel';

/**
 * Prepares LUO's state for the next kernel, in the format of this one.
 *
 * @param number the `liveupdate-number` of the next kernel
 * @throws KernelError ENOMEM; nothing is kept then
 */
export function writeState(kho: Kho, rules: Rules, number: bigint): OutgoingState {
  return formats[rules.wireFormat].write(kho, rules, number);
}

/**
 * Opens what the last kernel left, in whatever format that this kernel reads.
 *
 * @param address what KHO has as "LUO"
 * @throws KernelError EINVAL where it is not there, damaged, or in a format that this kernel does not read; the page is
 * free then
 */
export function openState(kho: Kho, { readsWireFormats }: Rules, address: PhysicalAddress): IncomingState {
  const found = formatNameIn(peekPreserved(kho, BigInt(address), WHAT));
  const format = readsWireFormats.find((name) => name === found);
  if (format !== undefined) return formats[format].open(kho, address);
  restorePreserved(kho, BigInt(address), WHAT).put();
  const readable = readsWireFormats.map((name) => `"${name}"`).join(' and ');
  throw new KernelError(
    'EINVAL',
    found === ''
      ? `Cannot read ${WHAT}: it has no format's name, and this kernel reads ${readable}`
      : `Cannot read ${WHAT}: its format is "${found}", and this kernel reads ${readable}`,
  );
}
