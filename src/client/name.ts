import { LIVEUPDATE_SESSION_NAME_LENGTH } from '../uapi/liveupdate.js';

const MAX_BYTES = LIVEUPDATE_SESSION_NAME_LENGTH - 1;

/**
 * The name of a session as the kernel takes it: its bytes, then NULs.
 *
 * @throws TypeError where it is neither text nor bytes
 * @throws RangeError where it is empty, longer than 63 bytes, has a NUL, or half a surrogate pair, which UTF-8 has not
 */
export function encodeSessionName(name: string | Uint8Array): Uint8Array {
  if (typeof name !== 'string' && !(name instanceof Uint8Array))
    throw new TypeError(`Cannot name a session by a value of type ${typeof name}: a string or a Uint8Array is needed`);
  const bytes = typeof name === 'string' ? Buffer.from(name) : name;
  const quoted = JSON.stringify(decodeSessionName(bytes));
  if (bytes.length === 0) throw new RangeError('Cannot name a session "": a name has 1 to 63 bytes');
  if (bytes.length > MAX_BYTES)
    throw new RangeError(
      `Cannot name a session ${quoted}: it has ${bytes.length} bytes, at most ${MAX_BYTES} are taken`,
    );
  if (bytes.includes(0)) throw new RangeError(`Cannot name a session ${quoted}: it has a NUL, where a name ends`);
  if (typeof name === 'string' && decodeSessionName(bytes) !== name)
    throw new RangeError(`Cannot name a session ${JSON.stringify(name)}: it has half a surrogate pair`);
  const field = new Uint8Array(LIVEUPDATE_SESSION_NAME_LENGTH);
  field.set(bytes);
  return field;
}

/** The text of a name, up to its NUL. What is not UTF-8 becomes U+FFFD. */
export function decodeSessionName(field: Uint8Array): string {
  const end = field.indexOf(0);
  return Buffer.from(end < 0 ? field : field.subarray(0, end)).toString();
}
