import { FDT_MAGIC, FdtError, propertyString } from '../../kho/fdt.js';
import { FdtReader } from '../../kho/fdt-reader.js';

/** No format has a longer name. */
const LONGEST_NAME = 48;

/**
 * The name of the format in which LUO's state was written: the property `compatible` of a devicetree, as `luo-v1` is, or
 * the first bytes of a structure, as Linux 7.3 writes it.
 *
 * @param bytes the page that KHO has as "LUO"
 * @returns the name, whether anything knows it or not; empty where there is none
 */
export function formatNameIn(bytes: Uint8Array): string {
  const start = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return start.getUint32(0) === FDT_MAGIC ? nameOfTree(bytes) : nameAtStart(bytes);
}

function nameOfTree(bytes: Uint8Array): string {
  try {
    return propertyString(FdtReader.parse(bytes), 'compatible');
  } catch (error) {
    if (error instanceof FdtError) return '';
    throw error;
  }
}

function nameAtStart(bytes: Uint8Array): string {
  const text = String.fromCharCode(...bytes.subarray(0, LONGEST_NAME));
  return /^([!-~]+)\0/.exec(text)?.[1] ?? '';
}
