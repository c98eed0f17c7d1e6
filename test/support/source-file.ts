/** Reads a TypeScript file for the tests of the architecture: what it imports, and which names it uses. */
import { dirname, join } from 'node:path/posix';
import { parseAst } from 'vitest/node';

/** A path from the root of the repository (a file, or a folder with all below it), or a bare module name. */
export type Place = string;

export interface Import {
  readonly target: Place;
  /** Where it stands, from 1. */
  readonly line: number;
  readonly typeOnly: boolean;
  /** Names taken; empty for all of it (`import * as`, `export *`, `import()`). */
  readonly names: readonly string[];
}

export interface SourceFile {
  readonly path: Place;
  readonly imports: readonly Import[];
  /** Every name used as a value, members as `Object.member`. */
  readonly uses: ReadonlySet<string>;
}

/** A node of the syntax tree. Of its fields only `type` is certain. */
export type Node = { readonly type: string } & Readonly<Record<string, unknown>>;

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

/** The program of a file, as its statements. */
export function parse(source: string): readonly Node[] {
  const body: readonly unknown[] = parseAst(source, { lang: 'ts' }).body;
  return body.filter(isNode);
}

/** The line of a node, from 1. */
export function lineOf(node: Node, source: string): number {
  const start = typeof node.start === 'number' ? node.start : 0;
  return source.slice(0, start).split('\n').length;
}

/** The name of an identifier, else the text of a literal. */
export function text(value: unknown): string | undefined {
  if (!isNode(value)) return undefined;
  const found = value.type === 'Identifier' ? value.name : value.type === 'Literal' ? value.value : undefined;
  return typeof found === 'string' ? found : undefined;
}

export function readSource(path: Place, source: string): SourceFile {
  const imports: Import[] = [];
  const uses = new Set<string>();

  const add = (node: Node, from: unknown, typeOnly: boolean) => {
    const specifier = text(from);
    if (specifier === undefined) return;
    const taken = Array.isArray(node.specifiers) ? node.specifiers : [];
    const names = taken.map((one) => (isNode(one) ? text(one.imported ?? one.local) : undefined) ?? '*');
    imports.push({ target: resolveFrom(path, specifier), line: lineOf(node, source), typeOnly, names });
  };

  const visit = (node: Node) => {
    switch (node.type) {
      case 'ImportDeclaration':
        add(node, node.source, node.importKind === 'type');
        return;
      case 'ExportNamedDeclaration':
      case 'ExportAllDeclaration':
        add(node, node.source, node.exportKind === 'type');
        break;
      case 'ImportExpression':
        add(node, node.source, false);
        break;
      case 'TSImportType':
        add(node, node.source, true);
        break;
      case 'NewExpression':
        // new Worker(new URL('./worker.ts', import.meta.url)) is an arrow too.
        if (text(node.callee) === 'URL' && Array.isArray(node.arguments) && node.arguments.length === 2) {
          add(node, node.arguments[0], false);
        }
        break;
      case 'MemberExpression':
        uses.add(`${text(node.object)}.${text(node.property)}`);
        break;
      case 'Identifier':
        if (typeof node.name === 'string') uses.add(node.name);
        break;
    }
    for (const [key, value] of Object.entries(node)) {
      // `wheel.setTimeout` and `{ Bun: 1 }` name a member, not the global.
      if ((key === 'property' || key === 'key') && node.computed === false && text(value) !== undefined) continue;
      for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) visit(child);
    }
  };

  for (const node of parse(source)) visit(node);
  return { path, imports, uses };
}

function resolveFrom(path: Place, specifier: string): Place {
  return specifier.startsWith('.') ? join(dirname(path), specifier) : specifier;
}
