/**
 * `npm run build`: what the package ships. The entries of package.json, the program and its worker, each bundled with what
 * it shares in chunks beside it: Node starts twice as fast from 20 files as from 150. Declarations go to dist/types.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { rolldown } from 'rolldown';
import { build } from 'vite';

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
/** What makes the certificates of `--tls auto`, which has to work with `npx`: a chunk that nothing else loads. */
const forCertificates = [
  '@peculiar/asn1-schema',
  '@peculiar/asn1-x509',
  '@peculiar/utils',
  'asn1js',
  'pvtsutils',
  'pvutils',
  'tslib',
];
/** What answers the admin API: a chunk that the first request to it loads. */
const forAdmin = ['@asteasolutions/zod-to-openapi', '@hono/zod-openapi', '@hono/zod-validator', 'hono', 'openapi3-ts'];
/** What `limpet top` draws with: a chunk that nothing else loads. */
const forTop = [
  'ansi-escapes',
  'ansi-regex',
  'ansi-styles',
  'cli-cursor',
  'environment',
  'get-east-asian-width',
  'is-fullwidth-code-point',
  'log-update',
  'mimic-function',
  'onetime',
  'restore-cursor',
  'signal-exit',
  'slice-ansi',
  'string-width',
  'strip-ansi',
  'wrap-ansi',
];
const bundled = [...inside, ...forCertificates, ...forAdmin, ...forTop];
const isBundled = (id: string) => bundled.some((name) => id === name || id.startsWith(`${name}/`));
const external = (id: string) => /^[^./]/.test(id) && !isBundled(id);
// Flat: the supervisor finds worker.js beside its own chunk. All other packages stay outside.
const bundle = await rolldown({ cwd: root, input, platform: 'node', external });
await bundle.write({
  dir: join(root, 'dist'),
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: '[name]-[hash].js',
});

// The page of the admin listener (src/admin/dashboard-files.ts).
await build({ configFile: join(root, 'dashboard/vite.config.ts') });
const inDashboard = ['preact', '@preact/signals', '@preact/signals-core', 'uplot'];

// Their licences ask for it.
const licenses = [...bundled, ...inDashboard].map((name) => {
  const folder = join(root, 'node_modules', name);
  const file = ['LICENSE', 'LICENSE.txt', 'license'].map((one) => join(folder, one)).find((one) => existsSync(one));
  if (file !== undefined) return `${name}\n\n${readFileSync(file, 'utf8')}`;
  // Some packages name their licence only.
  const { license, homepage } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<
    string,
    string
  >;
  if (license !== 'MIT' || homepage === undefined) throw new Error(`${name} has no LICENSE`);
  return `${name}\n\nMIT License, by its authors: ${homepage}\n`;
});
writeFileSync(join(root, 'dist/third-party-licenses.txt'), licenses.join(`\n${'-'.repeat(80)}\n\n`));

const { status } = spawnSync('tsc', ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
process.exit(status ?? 1);
