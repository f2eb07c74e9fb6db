/** What programs import as `luo`. */
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import * as luo from './index.js';

const root = fileURLToPath(new URL('../', import.meta.url));

test('the package is what it exports, by its name', async () => {
  const name = 'luo';
  const imported: unknown = await import(name);
  deepEqual(Object.keys(imported as object).sort(), [
    'LiveUpdate',
    'LiveUpdateError',
    'LiveUpdateSession',
    'Memfd',
    'PersistentState',
    'PersistentStateError',
    'listen',
    'notifyReady',
    'onUpdate',
    'shareListeners',
    'takeOver',
  ]);
  equal(imported, luo);
});

test('the binding for serialport is what the package exports, by its name', async () => {
  const name = 'luo/serialport';
  const imported: unknown = await import(name);
  deepEqual(Object.keys(imported as object).sort(), ['LuoBinding', 'LuoPort', 'LuoPortError']);
});

test('everything that programs may import, and every member of it, has a comment that says what it is', () => {
  deepEqual(silentIn(`${root}src/index.ts`), []);
  deepEqual(silentIn(`${root}src/serial/serialport.ts`), []);
});

/** What has no comment, but for what needs none: constructors, what `using` calls, and what an error has. */
function silentIn(entry: string): string[] {
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, files: [entry], include: [] }, ts.sys, root);
  const program = ts.createProgram([entry], options);
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(entry);
  const module = source && checker.getSymbolAtLocation(source);
  const exported = module ? checker.getExportsOfModule(module) : [];
  return exported
    .map((symbol) => ((symbol.flags & ts.SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol)))
    .flatMap((symbol) => [symbol, ...members(symbol)])
    .filter((symbol) => symbol.getDocumentationComment(checker).length === 0)
    .map(({ name }) => name);
}

function members({ members, exports }: ts.Symbol): ts.Symbol[] {
  const all = [...(members?.values() ?? []), ...(exports?.values() ?? [])];
  return all.filter(({ name }) => !/^(#|__|prototype$|name$|code$|syscall$)/.test(name));
}
