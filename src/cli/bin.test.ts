/** bin/limpet: which runtime it takes, and that it becomes the program. */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const bin = join(root, 'bin/limpet');
/** Without the runtimes of this machine: only what a shell script needs. */
const bare = '/usr/bin:/bin';

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'limpet-bin-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function run(file: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { status, stdout, stderr } = spawnSync(file, args, {
    encoding: 'utf8',
    timeout: 20_000,
    env: { PATH: bare, ...env },
  });
  return { status, stdout, stderr };
}

/** A program that says its version, and else its own name and its arguments. */
function fakeRuntime(file: string, version: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n[ "$1" = --version ] && echo ${version} && exit\necho "${file} $*"\n`);
  chmodSync(file, 0o755);
}

/** An installed package: project/node_modules/limpet, started through .bin, as npx does. */
function installed() {
  const project = folder();
  const own = join(project, 'node_modules/limpet');
  for (const name of ['bin', 'dist']) mkdirSync(join(own, name), { recursive: true });
  copyFileSync(bin, join(own, 'bin/limpet'));
  writeFileSync(join(own, 'dist/main.js'), '');
  const shared = join(project, 'node_modules/.bin');
  mkdirSync(shared);
  symlinkSync('../limpet/bin/limpet', join(shared, 'limpet'));
  return { own, shared, start: join(shared, 'limpet'), main: join(own, 'dist/main.js') };
}

describe.each(['bun', 'node'])('LIMPET_RUNTIME=%s', (runtime) => {
  const env = { LIMPET_RUNTIME: runtime };

  test('runs the source of a checkout, through a symbolic link too', () => {
    const link = join(folder(), 'limpet');
    symlinkSync(bin, link);
    expect(run(link, ['--version'], env)).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
      stderr: '',
    });
  });

  test('loads a config written in TypeScript', () => {
    const at = folder();
    const file = join(at, 'limpet.config.ts');
    const config = `{ listeners: [{ address: ':8080' }], pools: { a: { servers: ['3001'] } } }`;
    writeFileSync(join(at, 'package.json'), '{ "type": "module" }');
    writeFileSync(
      file,
      `import { type Config, defineConfig } from '${join(root, 'src/index.ts')}';\nconst config: Config = ${config};\nexport default defineConfig(config);\n`,
    );
    expect(run(bin, ['check', '-c', file], env)).toEqual({
      status: 0,
      stdout: `limpet: ${file} is valid: 1 listener, 1 pool, 1 server\n`,
      stderr: '',
    });
  });

  test('says what to do about a config whose import does not work', () => {
    const at = folder();
    const text = (from: string) => `import { defineConfig } from '${from}';\nexport default defineConfig({});\n`;
    writeFileSync(join(at, 'package.json'), '{ "type": "commonjs" }');
    writeFileSync(join(at, 'a.mts'), text('limpet'));
    writeFileSync(join(at, 'b.mts'), text(join(at, 'dist/index.js')));
    writeFileSync(join(at, 'c.ts'), text(join(root, 'src/index.ts')));
    const said = (name: string) => run(bin, ['check', '-c', join(at, name)], env);
    expect(said('a.mts')).toMatchObject({
      status: 3,
      stderr: expect.stringContaining(': install the package beside it'),
    });
    expect(said('b.mts')).toMatchObject({ status: 3, stderr: expect.stringContaining('not built: npm run build') });
    // Bun takes every file for what it is.
    const hint =
      runtime === 'node' ? 'Name it limpet.config.mts, or write "type": "module"' : 'expected a list of listeners';
    expect(said('c.ts')).toMatchObject({ status: 3, stderr: expect.stringContaining(hint) });
  });

  test('passes arguments and exit code on', () => {
    expect(run(bin, ['--no such'], env)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('limpet has no option --no such'),
    });
  });

  test('becomes the program: its pid gets the signal', async () => {
    const child = spawn(bin, ['3001', '--listen', '127.0.0.1:0'], {
      env: { PATH: bare, LIMPET_STATE: folder(), ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      const before = said.includes('listening on');
      said += text;
      if (!before && said.includes('listening on')) child.kill('SIGTERM');
    });
    const end = await new Promise((done) => child.once('close', (code, signal) => done({ code, signal })));
    expect({ end, said }).toEqual({ end: { code: 0, signal: null }, said: expect.stringContaining(`(${runtime})`) });
  });
});

test('a package without what is built says how one is made', () => {
  const { main, own, start } = installed();
  rmSync(main);
  expect(run(start, ['--version'], { PATH: bare })).toEqual({
    status: 2,
    stdout: '',
    stderr: `limpet: there is no dist in ${own}: npm builds nothing that it takes from git. Run npm pack in a checkout, and install the file that it makes\n`,
  });
});

describe('without LIMPET_RUNTIME', () => {
  test('Bun goes before Node, ours before what lies beside us, that before the PATH', () => {
    const { own, shared, start, main } = installed();
    const path = folder();
    const env = { PATH: `${path}:${bare}` };
    const steps: readonly [string, string][] = [
      [join(path, 'node'), 'v24.0.0'],
      [join(shared, 'node'), 'v26.1.0'],
      [join(path, 'bun'), '1.4.0'],
      [join(shared, 'bun'), '2.0.1'],
      [join(own, 'node_modules/.bin/bun'), '1.10.0'],
    ];
    for (const [file, version] of steps) {
      fakeRuntime(file, version);
      expect(run(start, ['a b', 'c'], env).stdout).toBe(`${file} ${main} a b c\n`);
    }
  });

  test('one that is too old, or broken, is passed over', () => {
    const { own, shared, start, main } = installed();
    const env = { PATH: `${folder()}:${bare}` };
    fakeRuntime(join(own, 'node_modules/.bin/bun'), '1.3.9');
    fakeRuntime(join(shared, 'node'), 'v24.1.0');
    writeFileSync(join(shared, 'bun'), '#!/bin/sh\nexit 1\n');
    chmodSync(join(shared, 'bun'), 0o755);
    expect(run(start, [], env).stdout).toBe(`${join(shared, 'node')} ${main}\n`);
  });

  test('none at all is told, with those that are too old', () => {
    const { shared, start } = installed();
    const path = folder();
    for (const tool of ['readlink', 'dirname']) symlinkSync(`/usr/bin/${tool}`, join(path, tool));
    fakeRuntime(join(shared, 'bun'), '1.2.0');
    fakeRuntime(join(shared, 'node'), 'v20.9.0');
    expect(run('/bin/sh', [start], { PATH: path })).toEqual({
      status: 2,
      stdout: '',
      stderr: `limpet: it needs Bun >= 1.4 or Node >= 24; found 1.2.0 at ${shared}/bun; found v20.9.0 at ${shared}/node\n`,
    });
  });
});

test.each([
  ['deno', 'limpet: LIMPET_RUNTIME is "deno": expected bun or node\n'],
  ['bun', 'limpet: LIMPET_RUNTIME is bun, but there is no Bun >= 1.4\n'],
])('LIMPET_RUNTIME=%s that cannot be is told', (runtime, stderr) => {
  const { start } = installed();
  expect(run(start, [], { LIMPET_RUNTIME: runtime })).toEqual({ status: 2, stdout: '', stderr });
});
