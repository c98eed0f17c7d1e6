/** What holds for every file of the repository: no path of somebody's machine, and no link into nothing. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { blocksOf, documents, withoutKind } from './docs/blocks.ts';

const root = resolve(import.meta.dirname, '..');
/** What .gitignore keeps out of the repository. */
const ignored = /^(node_modules|\.git|dist|\.limpet|results)$|\.(log|cpuprofile)$/;

const files = globSync(['**/*', '**/.*', '.ci/**'], {
  cwd: root,
  withFileTypes: true,
  exclude: (entry) => ignored.test(entry.name),
})
  .filter((entry) => entry.isFile())
  .map((entry) => resolve(entry.parentPath, entry.name).slice(root.length + 1))
  .sort();

function read(path: string): string {
  return readFileSync(resolve(root, path), 'latin1');
}

/** Absolute paths below /home, /root or /work, also as file URL; the path of a URL with a host is none. */
function machinePaths(text: string): string[] {
  return text.match(/(?:file:\/\/|(?<![\w.\-\]})/*]))\/(?:home|root|work)\/[\w.-]+/g) ?? [];
}

/** Targets of inline links, reference definitions and HTML attributes that lie in this repository. */
function relativeLinks(markdown: string): string[] {
  const prose = markdown.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').replace(/`[^`\n]*`/g, '');
  const patterns = [/\]\(\s*<?([^)\s>]+)/g, /^\s*\[[^\]]+\]:\s*<?([^\s>]+)/gm, /\b(?:src|href)="([^"]+)"/g];
  return patterns
    .flatMap((pattern) => Array.from(prose.matchAll(pattern), (match) => match[1] ?? ''))
    .filter((target) => !/^([a-z][a-z0-9+.-]*:|\/\/|#)/i.test(target))
    .map((target) => decodeURIComponent(target.replace(/[#?].*$/, '')));
}

test('the files are found, hidden ones too', () => {
  expect(files).toEqual(expect.arrayContaining(['.ci/run', '.gitignore', 'package.json', 'src/errors.ts']));
  expect(files.filter((path) => path.includes('node_modules/'))).toEqual([]);
});

describe('paths of a machine', () => {
  test('stand in no file', () => {
    const found = files.flatMap((path) => machinePaths(read(path)).map((hit) => `${path}: ${hit}`));
    expect(found).toEqual([]);
  });

  test('would be seen', () => {
    const planted = ['home/ann', 'work/main', 'root/x'].map((path) => `cd /${path}; open('file:///${path}')`);
    expect(machinePaths(planted.join('\n'))).toHaveLength(6);
    expect(machinePaths(`https://example.org/${'home/ann'} GET ${'/'}homepage`)).toEqual([]);
  });
});

test('code blocks in Markdown have a kind, by which test/docs checks them', () => {
  expect(withoutKind(documents().flatMap(blocksOf)).join('\n')).toBe('');
});

describe('links in Markdown', () => {
  test('lead to a file that exists', () => {
    const broken = files
      .filter((path) => path.endsWith('.md'))
      .flatMap((path) => relativeLinks(read(path)).map((target) => ({ path, target })))
      .filter(({ path, target }) => !existsSync(resolve(root, dirname(path), target)));
    expect(broken).toEqual([]);
  });

  test('would be seen', () => {
    const markdown = '[a](b.md#c) ![d](<e.png>) <img src="f.svg"> [g](https://h.org) [i](#j) `[k](l)`\n[m]: ./n.md\n';
    expect(relativeLinks(markdown)).toEqual(['b.md', 'e.png', './n.md', 'f.svg']);
  });
});
