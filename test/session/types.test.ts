/** The declarations of `limpet/express` in an app that has none of @types/express-session, Express or Bun. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const tsc = (...args: string[]) => {
  const { status, stdout } = spawnSync(join(root, 'node_modules/.bin/tsc'), args, { encoding: 'utf8' });
  return { status, stdout };
};
const right = { status: 0, stdout: '' };

const app = `
import { expressSession, limpet } from 'limpet/express';

limpet({ strategy: 'local' });
const middleware = expressSession({
  secret: ['new', 'old'],
  resave: false,
  cookie: { maxAge: 1000, sameSite: 'lax' },
  genid: (request) => request.url ?? '',
  limpet: { strategy: 'sticky' },
});
const name: number = middleware.length;
// @ts-expect-error
expressSession({ secret: 1 });
// @ts-expect-error
expressSession({ secret: 'right', saveUnitialized: false });
export { name };
`;

test('limpet/express compiles without the types of express-session', () => {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-types-'));
  try {
    const own = join(folder, 'node_modules/limpet');
    mkdirSync(join(folder, 'node_modules/@types'), { recursive: true });
    mkdirSync(own, { recursive: true });
    symlinkSync(join(root, 'node_modules/@types/node'), join(folder, 'node_modules/@types/node'));
    const compilerOptions = {
      noEmit: false,
      emitDeclarationOnly: true,
      declaration: true,
      noCheck: true,
      rootDir: join(root, 'src'),
      outDir: own,
    };
    const config = {
      extends: join(root, 'tsconfig.json'),
      compilerOptions: { ...compilerOptions, typeRoots: [join(root, 'node_modules/@types')] },
    };
    writeFileSync(
      join(folder, 'build.json'),
      JSON.stringify({ ...config, include: [], files: [join(root, 'src/session/express.ts')] }),
    );
    expect(tsc('-p', join(folder, 'build.json'))).toEqual(right);

    const exports = { './express': { types: './session/express.d.ts', default: './express.js' } };
    writeFileSync(join(own, 'package.json'), JSON.stringify({ name: 'limpet', type: 'module', exports }));
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    writeFileSync(join(folder, 'app.ts'), app);
    const strict = [
      '--ignoreConfig',
      '--strict',
      '--noEmit',
      '--skipLibCheck',
      'false',
      '--target',
      'es2024',
      '--types',
      'node',
    ];
    expect(tsc(...strict, '--module', 'nodenext', join(folder, 'app.ts'))).toEqual(right);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
