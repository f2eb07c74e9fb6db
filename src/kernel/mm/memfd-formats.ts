import type { MemfdFormatName } from '../liveupdate/profile.js';
import type { MemfdFormat } from './memfd-format.js';
import { memfdV1 } from './memfd-v1.js';
import { memfdV2 } from './memfd-v2.js';

/** The formats of memfds, by the name of the handler that writes them. */
export const memfdFormats: Readonly<Record<MemfdFormatName, MemfdFormat>> = {
  'memfd-v1': memfdV1,
  'memfd-v2': memfdV2,
};
