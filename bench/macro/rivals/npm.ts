/** The proxies of npm, on Node: installed beside the benchmark when they are first asked for. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { takeCookies } from '../check.ts';
import { capture, findProgram, projectRoot, startPinned, waitUntilListening } from '../processes.ts';
import { cookieName, onlyOneThread, onlyPlain, type Rival } from '../rival.ts';

const source = fileURLToPath(new URL('npm/', import.meta.url));
/** Beside this run's checkout and outside of its git: installed once, used again. */
const folder = join(projectRoot, 'bench/.rivals');

/** The packages that are wanted, and after an installation those that are there. */
function manifestOf(directory: string): string {
  const path = join(directory, 'package.json');
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

let installed: string | null | undefined;

/** Why they cannot be installed, or null. Asks the registry at most once in a run. */
function install(): string | null {
  if (installed !== undefined) return installed;
  const there =
    manifestOf(folder) === manifestOf(source) && existsSync(join(folder, 'node_modules/.package-lock.json'));
  cpSync(source, folder, { recursive: true });
  installed = there ? null : npmInstall();
  return installed;
}

function npmInstall(): string | null {
  const npm = findProgram('npm');
  if (npm === null) return 'npm is not installed';
  const args = ['install', '--prefix', folder, '--no-audit', '--no-fund', '--ignore-scripts', '--no-package-lock'];
  const { status, stderr } = spawnSync(npm, args, { encoding: 'utf8', timeout: 120_000 });
  return status === 0 ? null : `npm install failed: ${stderr.trim().split('\n')[0]}`;
}

/** `script` is a file in npm/ that reads place.json. */
export function npmRival(name: string, script: string): Rival {
  return {
    name,
    compilesItself: true,
    available: () => (findProgram('node') === null ? 'node is not installed' : install()),
    lacks: (stage) => onlyOneThread(stage) ?? onlyPlain(stage),
    version() {
      const path = join(folder, 'node_modules', name, 'package.json');
      const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version: string };
      return `${version} (node ${capture(findProgram('node')!, ['--version']).slice(1)})`;
    },
    async start({ port, servers, cores, dir }) {
      writeFileSync(join(dir, 'place.json'), JSON.stringify({ port, servers, cookieName }));
      const args = [join(folder, script)];
      const env = { NODE_ENV: 'production' };
      const running = startPinned({ name: 'node', cores, dir, command: findProgram('node')!, args, env });
      await waitUntilListening(running, [port]);
      return { pid: running.pid, cookies: await takeCookies({ port }), setsCookie: 'once', addsForwardedFor: true };
    },
  };
}
