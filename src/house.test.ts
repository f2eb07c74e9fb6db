/** The house of the sources: which folder may know which, and what no file has. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('../src/', import.meta.url));

/** What a folder may import, beside itself: folders, those it may take types from, and what is not ours. */
interface Room {
  readonly folders?: readonly string[];
  readonly types?: readonly string[];
  readonly node?: boolean;
  readonly packages?: readonly string[];
}

/** From the ground up. The empty name is `src` itself. */
const house: Readonly<Record<string, Room>> = {
  uapi: {},
  // Emulated hardware: chips, wires and what is at the end of them.
  devices: { folders: ['uapi'], types: ['kernel'] },
  kernel: { folders: ['uapi'] },
  host: { folders: ['uapi'], node: true, packages: ['koffi'] },
  // The real serial ports of this computer: holding them, and using them without moving a line.
  serial: { folders: ['uapi', 'host'], node: true },
  machine: { folders: ['uapi', 'devices', 'kernel', 'host', 'serial'], node: true },
  // What `luo test` runs on machines, and what it makes of it.
  'test-runner': { folders: ['uapi', 'host', 'machine'], types: ['kernel'], node: true },
  client: { folders: ['uapi', 'host'], node: true },
  cli: {
    folders: ['uapi', 'host', 'serial', 'machine', 'test-runner', 'client'],
    types: ['kernel'],
    node: true,
    packages: ['commander'],
  },
  ui: { folders: ['uapi', 'host', 'machine', 'client', 'cli'], types: ['kernel'], node: true },
  '': { folders: ['uapi', 'client'], node: true },
};

/** Folders beside the house: what they hold is for tests and readers, and may use everything. */
const outbuildings: readonly string[] = ['testing', 'bench', 'examples'];

const MOST_LINES = 300;

interface Import {
  /** What stands between the quotes. */
  readonly specifier: string;
  /** The path of the file in src, for a file of ours. */
  readonly target: string | undefined;
  readonly typesOnly: boolean;
  readonly line: number;
}

interface Source {
  /** From src. */
  readonly path: string;
  readonly tree: ts.SourceFile;
  readonly folder: string;
  readonly imports: readonly Import[];
}

const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .sort()
  .map(parse);
const product = sources.filter(({ path }) => !isForTests(path));

test('every folder of src has its place in the house', () => {
  const known = new Set([...Object.keys(house), ...outbuildings]);
  none(sources.filter(({ folder }) => !known.has(folder)).map(({ path }) => path));
});

test('a folder imports only from the folders that it may know', () => {
  none(
    product.flatMap((source) =>
      source.imports.flatMap(({ specifier, target, typesOnly, line }) => {
        if (target === undefined) return [];
        const folder = folderOf(target);
        const { folders = [], types = [] } = house[source.folder] ?? {};
        if (folder === source.folder || folders.includes(folder)) return [];
        if (types.includes(folder)) {
          return typesOnly ? [] : [`${source.path}:${line} imports more than types: ${specifier}`];
        }
        return [`${source.path}:${line} imports ${specifier}`];
      }),
    ),
  );
});

test('the kernel and uapi import nothing of Node, and packages stay in the folders that need them', () => {
  none(
    product.flatMap((source) =>
      source.imports.flatMap(({ specifier, target, line }) => {
        if (target !== undefined) return [];
        const { node = false, packages = [] } = house[source.folder] ?? {};
        const allowed = specifier.startsWith('node:') ? node : packages.includes(specifier);
        return allowed ? [] : [`${source.path}:${line} imports ${specifier}`];
      }),
    ),
  );
});

test('koffi is imported by host/libc.ts alone', () => {
  none(
    sources.flatMap(({ path, imports }) =>
      imports
        .filter(({ specifier }) => specifier === 'koffi' && path !== join('host', 'libc.ts'))
        .map(({ line }) => `${path}:${line}`),
    ),
  );
});

test('what people use imports no test and nothing made for tests', () => {
  none(
    product.flatMap(({ path, imports }) =>
      imports
        .filter(({ target }) => target !== undefined && isForTests(target))
        .map(({ specifier, line }) => `${path}:${line} imports ${specifier}`),
    ),
  );
});

test('nothing but a test file imports a test file', () => {
  none(
    sources
      .filter(({ path }) => !path.endsWith('.test.ts'))
      .flatMap(({ path, imports }) =>
        imports.filter(({ target }) => target?.endsWith('.test.ts')).map(({ line }) => `${path}:${line}`),
      ),
  );
});

test('every import of a file of ours finds it', () => {
  const paths = new Set(sources.map(({ path }) => path));
  none(
    sources.flatMap(({ path, imports }) =>
      imports
        .filter(({ target }) => target !== undefined && !paths.has(target))
        .map(({ specifier, line }) => `${path}:${line} imports ${specifier}`),
    ),
  );
});

test('no file imports itself, by whatever way', () => {
  none(cycles().map((cycle) => cycle.join(' -> ')));
});

test('the kernel keeps nothing in its modules: two generations in one process share no state', () => {
  none(product.filter(({ folder }) => folder === 'kernel').flatMap(moduleState));
});

test(`no file but a test has more than ${MOST_LINES} lines`, () => {
  none(
    product
      .map(({ path, tree }) => ({ path, lines: tree.text.split('\n').length - 1 }))
      .filter(({ lines }) => lines > MOST_LINES)
      .map(({ path, lines }) => `${path} has ${lines}`),
  );
});

test('nothing has the type any', () => {
  none(sources.flatMap((source) => nodesOf(source, (node) => node.kind === ts.SyntaxKind.AnyKeyword)));
});

test('no file but a test claims that a value is there', () => {
  const claims = (node: ts.Node) =>
    ts.isNonNullExpression(node) ||
    ((ts.isPropertyDeclaration(node) || ts.isVariableDeclaration(node)) && node.exclamationToken !== undefined);
  none(sources.filter(({ path }) => !path.endsWith('.test.ts')).flatMap((source) => nodesOf(source, claims)));
});

test('no comment silences the compiler or puts work off', () => {
  none(sources.flatMap((source) => commentsOf(source, /@ts-(ignore|nocheck)|\b(TODO|FIXME|XXX)\b/)));
});

/** Fails with the places where a rule is broken. */
function none(violations: readonly string[]): void {
  assert.equal(violations.join('\n'), '');
}

function isForTests(path: string): boolean {
  return (
    /\.(test|child)\.ts$/.test(path) ||
    outbuildings.includes(folderOf(path)) ||
    path.split('/').slice(0, -1).includes('testing')
  );
}

function folderOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : '';
}

function parse(path: string): Source {
  const text = readFileSync(join(root, path), 'utf8');
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const imports: Import[] = [];
  visit(tree, (node) => {
    const found = importIn(node);
    if (found === undefined) return;
    const { specifier, typesOnly } = found;
    const target = specifier.startsWith('.')
      ? normalize(join(dirname(path), specifier)).replace(/\.js$/, '.ts')
      : undefined;
    imports.push({ specifier, target, typesOnly, line: lineOf(tree, node) });
  });
  return { path, tree, folder: folderOf(path), imports };
}

/** `import` and `export` statements, `import()` and types of the form `import('…')`. */
function importIn(node: ts.Node): { specifier: string; typesOnly: boolean } | undefined {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    return { specifier: node.moduleSpecifier.text, typesOnly: importsTypesOnly(node.importClause) };
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
    return { specifier: node.moduleSpecifier.text, typesOnly: node.isTypeOnly };
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
    return { specifier: node.argument.literal.text, typesOnly: true };
  }
  if (!ts.isCallExpression(node) || node.expression.kind !== ts.SyntaxKind.ImportKeyword) return undefined;
  const [argument] = node.arguments;
  return argument && ts.isStringLiteralLike(argument) ? { specifier: argument.text, typesOnly: false } : undefined;
}

function importsTypesOnly(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false;
  if (clause.isTypeOnly) return true;
  const { name, namedBindings } = clause;
  if (name !== undefined || namedBindings === undefined || !ts.isNamedImports(namedBindings)) return false;
  return namedBindings.elements.every(({ isTypeOnly }) => isTypeOnly);
}

/** Each cycle of imports once, from the file that comes first in it. Types count: a circle of words is one too. */
function cycles(): string[][] {
  const targets = new Map(sources.map(({ path, imports }) => [path, imports.flatMap(({ target }) => target ?? [])]));
  const done = new Set<string>();
  const way: string[] = [];
  const found: string[][] = [];
  const walk = (path: string): void => {
    const start = way.indexOf(path);
    if (start >= 0) found.push([...way.slice(start), path]);
    if (start >= 0 || done.has(path)) return;
    way.push(path);
    for (const target of targets.get(path) ?? []) walk(target);
    way.pop();
    done.add(path);
  };
  for (const path of targets.keys()) walk(path);
  return found;
}

/** Variables at the top of a module that can change, or whose value can, and such fields of classes. */
function moduleState(source: Source): string[] {
  return source.tree.statements.flatMap((statement) => {
    if (ts.isVariableStatement(statement)) {
      const { flags, declarations } = statement.declarationList;
      if ((flags & ts.NodeFlags.Const) === 0) return [`${place(source, statement)} declares a variable`];
      return declarations
        .filter(isMutableCollection)
        .map((declaration) => `${place(source, declaration)} has a collection that is not read-only`);
    }
    if (!ts.isClassDeclaration(statement)) return [];
    return statement.members
      .filter((member) => ts.isPropertyDeclaration(member) && hasModifier(member, ts.SyntaxKind.StaticKeyword))
      .filter((member) => !hasModifier(member, ts.SyntaxKind.ReadonlyKeyword))
      .map((member) => `${place(source, member)} has a static field that can change`);
  });
}

function isMutableCollection({ type, initializer }: ts.VariableDeclaration): boolean {
  if (initializer === undefined) return false;
  const isCollection =
    ts.isArrayLiteralExpression(initializer) ||
    (ts.isNewExpression(initializer) && /^(Weak)?(Map|Set)$|^Array$/.test(initializer.expression.getText()));
  return isCollection && !/^(Readonly(Map|Set|Array)\b|readonly )/.test(type?.getText() ?? '');
}

function hasModifier(node: ts.ClassElement, kind: ts.SyntaxKind): boolean {
  return ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some((modifier) => modifier.kind === kind);
}

function nodesOf(source: Source, matches: (node: ts.Node) => boolean): string[] {
  const found: string[] = [];
  visit(source.tree, (node) => {
    if (matches(node)) found.push(place(source, node));
  });
  return found;
}

/** Comments, which no node stands for: they lie before the tokens. */
function commentsOf(source: Source, pattern: RegExp): string[] {
  const { text } = source.tree;
  const found = new Set<string>();
  const look = (node: ts.Node): void => {
    const ranges = [
      ...(ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []),
      ...(ts.getTrailingCommentRanges(text, node.end) ?? []),
    ];
    for (const { pos, end } of ranges) {
      const match = pattern.exec(text.slice(pos, end));
      if (match === null) continue;
      const { line } = source.tree.getLineAndCharacterOfPosition(pos + match.index);
      found.add(`${source.path}:${line + 1} ${match[0]}`);
    }
    for (const child of node.getChildren(source.tree)) look(child);
  };
  look(source.tree);
  return [...found];
}

function visit(node: ts.Node, look: (node: ts.Node) => void): void {
  look(node);
  ts.forEachChild(node, (child) => visit(child, look));
}

function place({ path, tree }: Source, node: ts.Node): string {
  return `${path}:${lineOf(tree, node)}`;
}

function lineOf(tree: ts.SourceFile, node: ts.Node): number {
  return tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1;
}
