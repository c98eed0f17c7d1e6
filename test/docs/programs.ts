/** TypeScript of the documentation: all of it is compiled in one go, in a folder that sees `limpet` as a user's app does. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Block, placeOf, root } from './blocks.ts';
import { apiSurroundings, surroundings } from './surroundings.ts';

/** Where the source of each entry of the package is: `limpet/express` is src/session/express.ts. */
export function entries(): Record<string, string> {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, string | { types: string }>;
  };
  return Object.fromEntries(
    Object.entries(exports).flatMap(([name, entry]) => {
      if (typeof entry === 'string') return [];
      const source = entry.types.replace('./dist/types/', 'src/').replace(/\.d\.ts$/, '.ts');
      return [[name.replace(/^\./, 'limpet'), join(root, source)]];
    }),
  );
}

/**
 * The block as a module, each line where it was. Imports stay at the top; the rest is a function that knows its surroundings.
 * An example of a doc comment (`api limpet/express`) knows the exports of its entry as well.
 */
export function moduleOf({ text, about }: Pick<Block, 'text' | 'about'>): string {
  const lines = text.split('\n');
  const entry = /^api (.+)$/.exec(about)?.[1];
  const isOwn = (name: string) => new RegExp(`^(?:import [^;]*|(?:export )?const )\\b${name}\\b`, 'm').test(text);
  const around = entry === undefined ? surroundings[about] : apiSurroundings[entry];
  const names = Object.entries(around ?? {}).filter(([name]) => !isOwn(name));
  const isNeeded = (name: string) =>
    new RegExp(`\\b${name}\\b`).test(text) && !isOwn(name) && !(name in (around ?? {}));
  const exported = entry === undefined ? [] : exportsOf(entry).filter((one) => isNeeded(one.replace('type ', '')));
  const last = exported.length === 0 ? '' : `import { ${exported.join(', ')} } from '${entry}';\n`;
  const first = lines.findIndex((line) => line !== '' && !line.startsWith('import '));
  if (first < 0) return `${text}\nexport {};\n`;
  if (/^export /m.test(text) || /^declare /m.test(text)) {
    const given = names.map(([name, type]) => `declare const ${name}: ${type};`);
    return `${lines.join('\n')}\n${given.join('\n')}\n${last}export {};\n`;
  }
  const parameters = names.map(([name, type]) => `${name}: ${type}`);
  // Two braces: a name of the block's own may be one of the surroundings'.
  lines[first] = `export async function example(${parameters.join(', ')}) {{ ${lines[first]}`;
  return `${lines.join('\n')}\n}}\n${last}`;
}

/** Each export of an entry of the package has a heading on its page, types below another one than values: `type Config`. */
function exportsOf(entry: string): string[] {
  const page = readFileSync(join(root, `docs/reference/api/${entry}.md`), 'utf8');
  let kind = '';
  return Array.from(page.matchAll(/^##(#?) (\w+(?: \w+)*)(?:\(\))?$/gm)).flatMap(([, isName = '', text = '']) => {
    if (isName === '') kind = text === 'Interfaces' || text === 'Type Aliases' ? 'type ' : '';
    return isName === '' ? [] : [`${kind}${text}`];
  });
}

/** Answers what the compiler finds, with the place in the documentation. */
export async function compile(blocks: readonly Block[]): Promise<string[]> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'limpet-docs-')));
  try {
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    const files = blocks.map((block, i) => {
      // Programs that import by a path stand where they would in the repository.
      const file = join(folder, block.about === 'test' ? `test/interop/${i}.ts` : `${i}.ts`);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, moduleOf(block).replaceAll("'../support/", `'${root}/test/support/`));
      return file;
    });
    const paths = Object.fromEntries(Object.entries(entries()).map(([name, file]) => [name, [file]]));
    const compilerOptions = { paths, typeRoots: [join(root, 'node_modules/@types')] };
    const config = { extends: join(root, 'tsconfig.json'), compilerOptions, include: [], exclude: [], files };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
    const tsc = spawn(join(root, 'node_modules/.bin/tsc'), ['-p', folder, '--pretty', 'false'], { cwd: folder });
    let output = '';
    tsc.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    tsc.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
    await once(tsc, 'close');
    return output
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.replace(/^(?:test\/interop\/)?(\d+)\.ts\((\d+),(\d+)\)/, (_, i, row) => at(blocks[i], row)));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function at(block: Block | undefined, row: string): string {
  return block === undefined ? '?' : placeOf({ path: block.path, line: block.line + Number(row) - 1 });
}

/** The block as a program that runs: `limpet` and its entries are the source. */
export function runnable(text: string): string {
  const files = entries();
  return text.replace(/(from )'(limpet[^']*)'/g, (whole, from: string, name: string) => {
    const file = files[name];
    return file === undefined ? whole : `${from}'file://${file}'`;
  });
}
