/** What holds for every file of the repository: no path of somebody's machine, and no link into nothing. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { blocksOf, documents, withoutKind } from './docs/blocks.ts';
import { findSleeps } from './support/sleeps.ts';

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

describe('pauses of a fixed time', () => {
  /** Files and folders that need them. The list only becomes shorter. */
  const needed: Readonly<Record<string, string>> = {
    'test/support/until.ts': 'looks again whether what was waited for has happened in another process',
    'test/support/pace.ts': 'a client or a server that is slow on purpose',
    'test/support/staged-worker.ts': 'a program under test: it looks for orders that a test gives by files',
    'test/support/mixed/': 'a load whose clients come at a pace',
    'test/chaos/': 'faults and clients at random moments, for minutes',
  };
  const sleepsIn = (path: string) => findSleeps(path, readFileSync(resolve(root, path), 'utf8'));
  const tests = files.filter((path) => /^test\/.*\.ts$|^src\/.*\.test\.ts$/.test(path));

  test('stand in no test: it waits for an event, or turns a clock', () => {
    const places = Object.keys(needed);
    const others = tests.filter((path) => !places.some((place) => path.startsWith(place)));
    expect(others.flatMap(sleepsIn)).toEqual([]);
  });

  test('are needed by each file of the list', () => {
    const needless = Object.keys(needed).filter((place) =>
      tests.filter((path) => path.startsWith(place)).every((path) => sleepsIn(path).length === 0),
    );
    expect(needless).toEqual([]);
  });

  test('would be seen', () => {
    const planted = [
      "import { setTimeout as sleep } from 'node:timers/promises';",
      'await new Promise((resolve) => setTimeout(resolve, 10));',
      'await new Promise<void>((go) => { setTimeout(() => go(), 10); });',
      'const poll = setInterval(look, 5);',
      'await Bun.sleep(5);',
      'Atomics.wait(words, 0, 0, 20);',
    ];
    expect(planted.map((source) => findSleeps('a.ts', source).length)).toEqual([1, 1, 1, 1, 1, 1]);
    const limits = [
      "import { setImmediate as nextTurn } from 'node:timers/promises';",
      'await new Promise((_, reject) => setTimeout(() => reject(new Error()), 10));',
      'setTimeout(() => response.end(), 300);',
      'Atomics.wait(words, 0, 0);',
    ];
    expect(limits.flatMap((source) => findSleeps('a.ts', source))).toEqual([]);
  });
});
