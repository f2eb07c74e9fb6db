import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * What programs of Node need that import `luo`: Node with its shared libraries, the client library, and koffi, which
 * makes its system calls.
 */
export function filesOfNode(): string[] {
  const libraries = execFileSync('ldd', [process.execPath], { encoding: 'utf8' });
  return [
    process.execPath,
    ...[...libraries.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path),
    join(root, 'package.json'),
    join(root, 'dist/index.js'),
    ...['client', 'host', 'uapi'].flatMap((name) => loadable(join(root, 'dist', name))),
    ...['koffi', '@koromix'].flatMap((name) => loadable(join(root, 'node_modules', name))),
  ];
}

/** What Node may load from a folder: scripts that are no tests, what packages say of themselves, and native code. */
function loadable(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /(?<!\.test|\.child)\.js$|\.cjs$|\.node$|\/package\.json$/.test(name))
    .filter((name) => !/musl|vendor/.test(name))
    .map((name) => join(folder, name));
}
