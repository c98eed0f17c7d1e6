/** Tables of the documentation against the code: a row too many, too few or of another name fails. */
import { describe, expect, test } from 'vitest';
import { parseArguments } from '../../src/cli/arguments.ts';
import { exitCodes } from '../../src/cli/exit-codes.ts';
import { stateFiles } from '../../src/cli/state-key.ts';
import { balancerFaults, retryAfterOf } from '../../src/errors.ts';
import { eventTable } from '../../src/events/event.ts';
import { counterRows } from '../../src/metrics/counters.ts';
import { sessionErrorCodes } from '../../src/session/error.ts';
import { documents, inlineOf } from './blocks.ts';
import { helpOf } from './commands.ts';
import { Program } from './program.ts';
import { checkReasons, codesIn, fieldPaths, plain, read, rowsBelow, trafficReasons } from './tables.ts';

const cli = read('docs/reference/cli.md');
const health = read('docs/guide/health.md');

test('a table is read', () => {
  const page = '# a\n\n## b\n\ntext\n\n| x | y |\n| --- | --- |\n| `c` | d \\| e |\n\n| z |\n';
  expect(rowsBelow(page, 'b')).toEqual([['`c`', 'd \\| e']]);
  expect(codesIn('`c`, then `d`')).toEqual(['c', 'd']);
});

describe('the command line', () => {
  test('exit codes', () => {
    const all = Object.values(exitCodes);
    expect(rowsBelow(cli, 'Exit codes').map(([code]) => Number(code))).toEqual(all);
    const help = /^Exit codes: ((?:.*\n)+?)\n/m.exec(`${helpOf('')}\n\n`)?.[1] ?? '';
    expect(Array.from(help.matchAll(/\b(\d) /g), ([, code]) => Number(code))).toEqual(all);
  });

  test.each([
    ['Command line', []],
    ['import', ['import']],
    [
      'drain, ready, down, servers, add, remove, sessions',
      ['drain', 'ready', 'down', 'servers', 'add', 'remove', 'sessions'],
    ],
  ])('options of "%s"', (heading, commands) => {
    const help = (commands.length === 0 ? [''] : commands).map((command) => {
      const asked = parseArguments(command === '' ? ['--help'] : [command, '--help'], '0.0.0');
      return asked.kind === 'print' ? asked.text : '';
    });
    const real = help.flatMap((text) => Array.from(text.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm), ([, name]) => name));
    const written = rowsBelow(cli, heading).flatMap(([names = '']) => names.match(/--[a-z-]+/g) ?? []);
    // Said once, at the top.
    const elsewhere = commands.length === 0 ? [] : ['--help', '--config'];
    expect(new Set([...written, ...elsewhere])).toEqual(new Set([...real, ...elsewhere]));
  });
});

describe('what stands in stateDir', () => {
  test('each file that has to be private, and the clock', () => {
    const rows = rowsBelow(read('docs/guide/running.md'), 'Whom it believes on its machine');
    expect(rows.flatMap(([names = '']) => codesIn(names)).sort()).toEqual([...stateFiles, 'clock'].sort());
  });
});

test('no balancer answers: the exit code that the table has for it', async () => {
  using program = new Program();
  expect(await program.run(['sessions'])).toBe(exitCodes.config);
  expect(program.output).toContain('no balancer answers at');
  expect(rowsBelow(cli, 'Exit codes')[exitCodes.config]?.[1]).toContain('no balancer answers');
});

describe('health', () => {
  test('reasons of the checks', () => {
    const written = rowsBelow(health, 'Reasons').flatMap(([reason = '']) => codesIn(reason));
    const real = [...checkReasons(), ...trafficReasons(), 'health check passed'];
    expect(new Set(written.map(plain))).toEqual(new Set(real.map(plain)));
  });

  test('no reason stands in the code that the table does not have', () => {
    const lines = ['probe', 'h2-question', 'grpc', 'passive'].flatMap((name) =>
      read(`src/health/${name}.ts`).split('\n'),
    );
    const code = lines.filter((line) => !/^ *(\/?\*|\/\/|import )/.test(line));
    const texts = code.flatMap((line) => Array.from(line.matchAll(/'([^']*)'|`([^`]*)`/g), ([, a, b]) => a ?? b ?? ''));
    const pieces = texts.flatMap((text) => text.split(/\$\{[^}]*(?:\}|$)|'/)).map((text) => text.trim());
    // The first three are parts of messages, and of the last nobody is told.
    const others = (text: string) =>
      text.startsWith('HTTP/1.') ||
      text.includes('\\r\\n') ||
      text.startsWith('Content-Type:') ||
      text === 'answers well';
    const spoken = pieces.filter((text) => / /.test(text) && !others(text));
    expect(spoken.length).toBeGreaterThan(5);
    expect(spoken.filter((text) => !health.includes(plain(text)) && !health.includes(text))).toEqual([]);
  });
});

describe('what the client gets', () => {
  test('503 with Retry-After: each reason of the balancer', () => {
    const rows = rowsBelow(read('docs/guide/failover.md'), 'What the client sees');
    const real = Object.values(balancerFaults).filter((fault) => retryAfterOf(fault) > 0);
    expect(rows.flatMap(([names = '']) => codesIn(names)).sort()).toEqual(real.map(({ code }) => code).sort());
  });

  test('errors of the session library', () => {
    const rows = rowsBelow(read('docs/guide/sessions.md'), 'Errors');
    expect(rows.flatMap(([names = '']) => codesIn(names)).sort()).toEqual([...sessionErrorCodes].sort());
  });
});

describe('versions', () => {
  const { engines, version, devDependencies } = JSON.parse(read('package.json')) as {
    engines: Record<'node' | 'bun', string>;
    version: string;
    devDependencies: Record<string, string>;
  };
  const least = (name: string) => `>= ${new RegExp(`^least_${name}=(.*)$`, 'm').exec(read('bin/limpet'))?.[1]}`;

  test('of the runtimes: README, package.json and bin/limpet', () => {
    const [balancer, library] = rowsBelow(read('README.md'), 'In your app').map(([, node, bun]) => [node, bun]);
    expect(balancer).toEqual([least('node'), least('bun')]);
    expect(library).toEqual([engines.node.replace('>=', '>= '), engines.bun.replace('>=', '>= ')]);
  });

  test('wherever a page names one', () => {
    const development = /\d+/.exec(devDependencies.node ?? '')?.[0] ?? '';
    const right = [least('node'), engines.node, development].map((text) => text.replace(/^>= ?/, ''));
    const said = [...documents().filter((path) => !path.startsWith('docs/design')), 'src/cli/arguments.ts'].flatMap(
      (path) =>
        Array.from(read(path).matchAll(/\b(?:Node |Node \(|`node` \()(?:>= )?(\d\d(?:\.\d+)?)(?!\d)/g), ([, one]) => ({
          path,
          one,
        })),
    );
    expect(said.length).toBeGreaterThan(4);
    expect(said.filter(({ one }) => !right.includes(one!))).toEqual([]);
  });

  test('of the package, in the name of its file', () => {
    const names = documents().flatMap((path) => read(path).match(/limpet-\d[\d.]*\.tgz/g) ?? []);
    expect(new Set(names)).toEqual(new Set([`limpet-${version}.tgz`]));
  });
});

describe('names in a line of text', () => {
  const named = documents().flatMap((path) => inlineOf(path).map((text) => ({ path, text })));

  test('of counters', () => {
    const known = counterRows.map(({ name }) => name as string);
    // Words of the kernel and of other balancers look alike; the changelog has former names, too.
    const ours = named.filter(({ path }) => !/benchmarks|import|CHANGELOG/.test(path));
    // The metrics of a scrape begin with limpet_: examples/monitoring asks a real Prometheus for them.
    const counters = ours.filter(({ text }) => /^(?!limpet_)[a-z]+(_[a-z0-9]+)+$/.test(text));
    expect(counters.length).toBeGreaterThan(50);
    // "`old_name` is `new_name`": the changelog says what has been renamed.
    const renamed = Array.from(read('CHANGELOG.md').matchAll(/`(\w+)`\s+is\s+(?:now\s+)?`(\w+)`/g))
      .filter(([, , now]) => known.includes(now!))
      .map(([, former]) => former);
    const unknown = counters.filter(({ text }) => !known.includes(text));
    expect(unknown.filter(({ path, text }) => !(path === 'CHANGELOG.md' && renamed.includes(text)))).toEqual([]);
  });

  test('of fields of the config', () => {
    const known = fieldPaths();
    const first = new Set(known.flatMap((path) => path.split('.')));
    const others =
      /\.(key|sock|ts|json|sid|table|source)$|^(app|live)\.|^limits\.(bytes|warnBytes|storeTimeout|userSessions)$/;
    const fields = named.filter(({ text }) => /^[a-z]\w*(\.[a-z]\w*)+$/i.test(text) && first.has(text.split('.')[0]!));
    const ours = fields.filter(({ text }) => !others.test(text) && !Object.hasOwn(eventTable, text));
    expect(ours.length).toBeGreaterThan(20);
    expect(ours.filter(({ text }) => !known.some((path) => `.${path}`.endsWith(`.${text}`)))).toEqual([]);
  });
});
