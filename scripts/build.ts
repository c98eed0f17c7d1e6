/**
 * `npm run build`: what the package ships. The entries of package.json, the program and its worker, each bundled with what
 * it shares in chunks beside it: Node starts twice as fast from 20 files as from 150. Declarations go to dist/types.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { rolldown } from 'rolldown';

const root = resolve(import.meta.dirname, '..');
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, string | { types: string; default: string }>;
};

/** Where the code of each file in dist is; the package's entries are found by their types. */
const input: Record<string, string> = {
  main: 'src/cli/main.ts',
  worker: 'src/workers/worker.ts',
  'config-module': 'src/config/module-thread.ts',
};
for (const entry of Object.values(exports)) {
  if (typeof entry === 'string') continue;
  const name = entry.default.slice('./dist/'.length, -'.js'.length);
  input[name] = entry.types.replace('./dist/types/', 'src/').replace(/\.d\.ts$/, '.ts');
}

rmSync(join(root, 'dist'), { recursive: true, force: true });
/** Packages that every start reads: as a part of the bundle they are a quarter of the processor time of a start cheaper. */
const inside = ['commander', 're2js', 'yaml', 'zod'];
const isInside = (id: string) => inside.some((name) => id === name || id.startsWith(`${name}/`));
const external = (id: string) => /^[^./]/.test(id) && !isInside(id);
// Flat: the supervisor finds worker.js beside its own chunk. All other packages stay outside.
const bundle = await rolldown({ cwd: root, input, platform: 'node', external });
await bundle.write({
  dir: join(root, 'dist'),
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: '[name]-[hash].js',
});

// Their licences ask for it.
const licenses = inside.map(
  (name) => `${name}\n\n${readFileSync(join(root, 'node_modules', name, 'LICENSE'), 'utf8')}`,
);
writeFileSync(join(root, 'dist/third-party-licenses.txt'), licenses.join(`\n${'-'.repeat(80)}\n\n`));

const { status } = spawnSync('tsc', ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
process.exit(status ?? 1);
