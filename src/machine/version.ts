import { readFileSync } from 'node:fs';

/** The version of this luo. */
export function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  // The file is part of this package.
  return (manifest as { version: string }).version;
}
