/** What authors of kernel modules are told: `npm run docs:api` writes it down from the comments of the sources. */
import { deepEqual, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('../../', import.meta.url));
const entry = `${root}src/kernel/module.ts`;

test('everything that kernel modules may import has a comment that says what it is', () => {
  const { exports, checker } = exportsOf(entry);
  ok(exports.length > 10);
  const silent = exports
    .map((symbol) => ((symbol.flags & ts.SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol)))
    .filter((symbol) => symbol.getDocumentationComment(checker).length === 0)
    .map(({ name }) => name);
  deepEqual(silent, []);
});

function exportsOf(file: string): { exports: ts.Symbol[]; checker: ts.TypeChecker } {
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, files: [file], include: [] }, ts.sys, root);
  const program = ts.createProgram([file], options);
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  const module = source && checker.getSymbolAtLocation(source);
  return { exports: module ? checker.getExportsOfModule(module) : [], checker };
}
