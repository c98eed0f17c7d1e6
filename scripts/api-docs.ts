/**
 * `npm run docs`: makes docs/reference/api from the doc comments of every entry of the package, by TypeDoc (typedoc.json).
 * With `--check` it writes nothing, and fails when the pages are not up to date. Either way it fails when an export has no
 * doc comment, when a public type refers to one that is not exported, and when a link leads nowhere.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const root = resolve(import.meta.dirname, '..');
const pages = join(root, 'docs/reference/api');
const { values } = parseArgs({ options: { check: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } });

if (values.help) {
  console.log('npm run docs [-- --check]\n\n  --check  writes nothing, and fails when the pages are not up to date');
  process.exit(0);
}

const folder = mkdtempSync(join(tmpdir(), 'limpet-docs-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const typedoc = join(root, 'node_modules/.bin/typedoc');
const { status, error } = spawnSync(typedoc, ['--out', folder], { cwd: root, stdio: 'inherit' });
if (error !== undefined) throw error;
if (status !== 0) process.exit(1);

if (values.check) {
  const outdated = differences(pagesIn(folder), pagesIn(pages));
  for (const page of outdated) console.error(`docs/reference/api/${page} is not up to date: npm run docs`);
  if (outdated.length > 0) process.exit(1);
} else {
  rmSync(pages, { recursive: true, force: true });
  cpSync(folder, pages, { recursive: true });
}

/** The text of each page, by its path. */
function pagesIn(folder: string): Map<string, string> {
  if (!existsSync(folder)) return new Map();
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.md'));
  return new Map(files.map((file) => [file, readFileSync(join(folder, file), 'utf8')]));
}

/** Pages that are on one side only, or not the same on both. */
function differences(made: ReadonlyMap<string, string>, committed: ReadonlyMap<string, string>): string[] {
  return [...new Set([...made.keys(), ...committed.keys()])].filter((page) => made.get(page) !== committed.get(page));
}
