/**
 * `npm run check:package`: what an app would install. Packs what `npm run build` has made, and asks publint (are the
 * entries of package.json there, and are they what they say?) and Are The Types Wrong (does TypeScript find the types of
 * each entry, and do they fit the code?). Needs no network.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const bin = join(root, 'node_modules/.bin');
const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` };

function run(command: string, args: readonly string[]): string {
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd: root, env, encoding: 'utf8' });
  if (error !== undefined) throw error;
  if (status === 0) return stdout;
  process.stderr.write(`${command} ${args.join(' ')}: exit code ${status}\n${stdout}${stderr}`);
  process.exit(1);
}

const folder = mkdtempSync(join(tmpdir(), 'limpet-package-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

// Without its scripts: prepack would build a second time.
const packed = run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder]);
const [{ filename, entryCount, size }] = JSON.parse(packed) as [{ filename: string; entryCount: number; size: number }];
const file = join(folder, filename);
run('publint', [file, '--strict']);
// The package is ESM for Node >= 22: neither require() nor the resolution of old compilers is served.
run('attw', [file, '--profile', 'esm-only', '--format', 'ascii', '--no-emoji']);
console.log(`${filename}: ${entryCount} files, ${Math.ceil(size / 1024)} KiB: every entry has its code and its types`);
