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
  return [
    ...nodeItself(),
    join(root, 'package.json'),
    join(root, 'dist/index.js'),
    ...['client', 'host', 'uapi'].flatMap((name) => loadable(join(root, 'dist', name))),
    ...['koffi', '@koromix'].flatMap((name) => loadable(join(root, 'node_modules', name))),
  ];
}

/** What the commands `luo serial` need, and programs that import `luo/serialport` and `@serialport/stream`. */
export function filesOfSerial(): string[] {
  const folders = ['cli', 'machine', 'kernel', 'serial', 'host', 'uapi'];
  const packages = ['koffi', '@koromix', 'commander', '@serialport', 'debug', 'ms'];
  return [
    ...nodeItself(),
    join(root, 'package.json'),
    ...folders.flatMap((name) => loadable(join(root, 'dist', name))),
    ...packages.flatMap((name) => loadable(join(root, 'node_modules', name))),
  ];
}

/** Node with its shared libraries. */
function nodeItself(): string[] {
  const libraries = execFileSync('ldd', [process.execPath], { encoding: 'utf8' });
  return [process.execPath, ...[...libraries.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path)];
}

/** What Node may load from a folder: scripts that are no tests, what packages say of themselves, and native code. */
function loadable(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /(?<!\.test|\.child)\.[cm]?js$|\.node$|(^|\/)package\.json$/.test(name))
    .filter((name) => !/musl|vendor/.test(name))
    .map((name) => join(folder, name));
}
