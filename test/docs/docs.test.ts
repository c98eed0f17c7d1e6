/** Every code block of the documentation is run or checked, by its kind (the first word behind its fence). */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { type Block, blocksOf, documents, findBlocks, inlineOf, placeOf, root, withoutKind } from './blocks.ts';
import { commandNames, examplesOf, flawOfLimpet, flawOfShell, flawOfUsage } from './commands.ts';
import { alternatives, flawOfConfig } from './configs.ts';
import { type Kind, kinds } from './kinds.ts';
import { accessLine, flawOfJson, flawOfLog, realLogs } from './logs.ts';
import { flawOfHttp, flawOfSyntax } from './messages.ts';
import { flawOfConsole, Program } from './program.ts';
import { compile, moduleOf, runnable } from './programs.ts';
import { surroundings } from './surroundings.ts';

const blocks = documents().flatMap(blocksOf);
const of = (kind: Kind) => blocks.filter((block) => block.kind === kind);

/** The flaws that there are, each with its place. */
function flawsOf(found: readonly Block[], flaw: (block: Block) => string): string[] {
  return found.flatMap((block) => {
    const text = flaw(block);
    return text === '' ? [] : [`${placeOf(block)}: ${text}`];
  });
}

describe('code blocks', () => {
  test('have a kind', () => {
    expect(withoutKind(blocks)).toEqual([]);
    const counts = Object.keys(kinds).map((kind) => `${kind} ${blocks.filter((block) => block.kind === kind).length}`);
    console.log(`code blocks of the documentation: ${counts.join(', ')}`);
  });

  test('are found, with a fence and without', () => {
    const page = 'a\n\n    b\n\n    c\n\n- d\n\n    e\n\n``` ts x y\nf\n```\n\ng\n    h\n';
    expect(findBlocks(page, 'p')).toEqual([
      { path: 'p', line: 3, kind: '', about: '', text: 'b\n\nc' },
      { path: 'p', line: 12, kind: 'ts', about: 'x y', text: 'f' },
    ]);
    expect(() => findBlocks('```\nx', 'p')).toThrow('p:1: the code block has no end');
  });
});

describe('a config as a module', () => {
  test('is loaded', async () => {
    using program = new Program();
    const modules = of('ts').filter(({ text }) => text.includes('export default defineConfig('));
    expect(modules.length).toBeGreaterThan(0);
    for (const { text } of modules) {
      program.write('limpet.config.mts', runnable(text).replaceAll('process.env.LIMPET_KEY', `'${'ab'.repeat(32)}'`));
      const { warnings } = await loadConfig('limpet.config.mts', program.folder, {});
      expect(warnings).toEqual([]);
    }
  });
});

describe('YAML', () => {
  test('is a config, or a part of one', () => {
    const parts = of('yaml').flatMap((block) => alternatives(block.text).map((text) => ({ ...block, text })));
    expect(flawsOf(parts, ({ text }) => flawOfConfig(text))).toEqual([]);
  });

  test('in a line of text can be read', () => {
    const flaws = documents().flatMap((path) =>
      inlineOf(path)
        .filter((text) => /^-? ?[a-zA-Z]+: [[{]/.test(text))
        .flatMap((text) => parseDocument(text).errors.map(({ code }) => `${path}: ${text}: ${code}`)),
    );
    expect(flaws).toEqual([]);
  });

  test.each([
    [`sessions: { secret: $\{LIMPET_SECRET} }`, 'not valid YAML'],
    ['affinity: cookies', 'did you mean "cookie"?'],
    ['- { header: X-User, whenOwnerFails: never }', 'found "never"'],
    ['workers: 0', 'found 0'],
    ['pools: { shop: { servers: [...], pipelines: 3 } }', 'unknown field'],
  ])('would be refused: %s', (text, flaw) => {
    expect(flawOfConfig(text)).toContain(flaw);
  });
});

describe('TypeScript', () => {
  // On a machine that is busy with other suites the compiler takes its time.
  test('compiles', { timeout: 240_000 }, async () => {
    const abouts = of('ts').map(({ about }) => about.split(' ')[0]!);
    expect(
      abouts.filter((about) => !['', 'program', 'test', 'api'].includes(about) && !(about in surroundings)),
    ).toEqual([]);
    const bad = (about: string, text: string) => ({ path: 'bad', line: 10, kind: 'ts', about, text });
    // In the same run, for the compiler takes seconds to start: what it must find.
    const found = await compile([
      ...of('ts'),
      bad('session', "\nsession.setCookie({ maxage: '14d' });"),
      bad('express', "import { limpet } from 'limpet/express';\n\nlimpet({ strategy: 'sticki' });"),
    ]);
    const isBad = (line: string) => line.startsWith('bad:');
    expect(found.filter((line) => !isBad(line) && !line.startsWith(' '))).toEqual([]);
    expect(found.filter(isBad).map((line) => line.slice(0, 20))).toEqual([
      'bad:11: error TS2561',
      'bad:12: error TS2820',
    ]);
  });

  test('has its surroundings behind its imports', () => {
    expect(moduleOf({ about: 'koa', text: "import x from 'y';\n\nx();" })).toBe(
      "import x from 'y';\n\nexport async function example(app: import('koa')) {{ x();\n}}\n",
    );
  });
});

describe('commands', () => {
  test('are there, with their options', () => {
    const madeIn = (path: string) =>
      of('ts').flatMap((block) => (block.path === path ? block.about.split(' ').slice(1) : []));
    expect(flawsOf(of('sh'), ({ text, path }) => flawOfShell(text, path, madeIn(path)))).toEqual([]);
  });

  test('of a synopsis are those of the program', () => {
    expect(flawsOf(of('usage'), ({ text }) => flawOfUsage(text))).toEqual([]);
    const synopsis = blocks.find(({ path, kind }) => path === 'docs/reference/cli.md' && kind === 'usage')?.text ?? '';
    expect(commandNames().filter((name) => !synopsis.includes(`limpet ${name}`))).toEqual([]);
  });

  test('of --help are there, too', () => {
    const shown = ['', ...commandNames()].flatMap((name) => examplesOf(name));
    expect(shown.length).toBeGreaterThan(10);
    expect(shown.map((line) => [line, flawOfShell(line, 'README.md')]).filter(([, flaw]) => flaw !== '')).toEqual([]);
  });

  test('that read a log find what they look for in one', async () => {
    using program = new Program();
    program.write(
      'access.log',
      `${accessLine}\n${accessLine.replace(' 200 ', ' 503 ').replace('VN', 'DN').replace(/-$/, 'owner-down')}\n`,
    );
    const lines = of('sh').flatMap(({ text }) => text.split('\n').filter((line) => line.startsWith('awk ')));
    const output = lines.map((line) =>
      spawnSync('sh', ['-c', line], { cwd: program.folder, encoding: 'utf8' }).stdout.trim(),
    );
    expect(output.map((text) => text.replace(/^\S+Z .*"/, '').replace(/\s+/g, ' '))).toEqual([
      '1 shop/s1 owner-down',
      ' 503 412/2048 shop/s1 3f2a9c01#2 DN 0/0.4/3.1/12 1 owner-down',
    ]);
  });

  test('in a line of text are there', () => {
    const flaws = documents().flatMap((path) =>
      inlineOf(path).flatMap((text) => {
        const command = text.replaceAll(/<\w+>/g, '1');
        const usage = /^(?:bin\/|npx )?(limpet [a-z].*)/.exec(command)?.[1];
        const isNpm = /^(npm (run|start|test)\b|npx vitest)/.test(command);
        const flaw = usage !== undefined ? flawOfUsage(usage) : isNpm ? flawOfShell(command, path) : '';
        return flaw === '' ? [] : [`${path}: ${text}: ${flaw}`];
      }),
    );
    expect(flaws).toEqual([]);
  });

  test.each([
    ['limpet 3001 --balance fastest', 'fastest'],
    ['limpet chek', 'limpet'],
    ['npm run benches', 'no script benches'],
    ['npm run abuse -- --onlyy x', 'does not speak of --onlyy'],
    ['node examples/shop/serve.ts', 'there is no'],
    ['frobnicate', 'does not know'],
    ['kill -FOO 1', 'no signal'],
  ])('would be refused: %s', (line, flaw) => {
    expect(flawOfShell(line, 'README.md')).toContain(flaw);
    expect(flawOfUsage('limpet drain SERVER [--waits]')).toBe('drain has no --waits');
    expect(flawOfLimpet(['3001', '3002'])).toBe('');
  });
});

describe('a tree of folders', () => {
  test('names those that there are', () => {
    const trees = of('text').filter(({ about }) => about === 'tree');
    expect(trees).toHaveLength(1);
    expect(flawsOf(trees, ({ text }) => flawOfTree(text))).toEqual([]);
    expect(flawOfTree('src/   x\n  net nett  y\ndocs/')).toBe('there is no src/nett');
  });
});

describe('what Limpet prints', () => {
  test('is what it prints', async () => {
    const flaws = of('console').map(async (block) => {
      const config = of('yaml').find(
        ({ path, text }) => path === block.path && /^pools:/m.test(text) && /^listeners:/m.test(text),
      );
      const flaw = await flawOfConsole(block, config?.text);
      return flawsOf([block], () => flaw);
    });
    expect((await Promise.all(flaws)).flat()).toEqual([]);
    const real = await realLogs();
    expect(flawsOf(of('log'), ({ text }) => flawOfLog(text, real))).toEqual([]);
    expect(flawsOf(of('json'), ({ text }) => flawOfJson(text))).toEqual([]);
  });

  test('would be refused', async () => {
    expect(await flawOfConsole({ text: '$ limpet sessions\nserver  state' }, undefined)).toContain('no such line');
    expect(flawOfLog('limpet: hello ... 7', ['limpet: hello world 0'])).toBe('');
    expect(flawOfLog('limpet: hello ... 7 more', ['limpet: hello world 0'])).toContain('nothing');
    expect(flawOfJson('{"counters":{"requests":1,"wishes":2,...}}')).toBe('no counters: wishes');
  });
});

describe('HTTP', () => {
  test('is read by the parser', () => {
    const parts = of('http');
    expect(flawsOf(parts, ({ text, about }) => (about === 'syntax' ? flawOfSyntax(text) : flawOfHttp(text)))).toEqual(
      [],
    );
  });

  test('would be refused', () => {
    expect(flawOfHttp('GET / HTTP/1.1\nHost : a')).toContain('GET / HTTP/1.1: ');
    expect(flawOfSyntax('Limpet-Session-Put: epoch=<n>; version=<n>')).toContain('not understood');
  });
});

/** `folder/` at the left, names of what is in it indented below; what they are for stands behind two spaces. */
function flawOfTree(text: string): string {
  let folder = '';
  return text
    .split('\n')
    .flatMap((line) => {
      const [names = ''] = line.trim().split(/ {2,}/);
      if (/^\S/.test(line)) folder = names.split(' ').at(-1) ?? '';
      return /^\S/.test(line) ? names.split(' ') : names.split(' ').map((name) => folder + name);
    })
    .filter((path) => !existsSync(resolve(root, path)))
    .map((path) => `there is no ${path}`)
    .join(', ');
}
