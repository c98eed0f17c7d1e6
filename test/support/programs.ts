/**
 * The real programs that interop tests and benches run against, and where they are on this machine.
 * `scripts/programs.ts` installs what is missing; a test that still lacks one skips and says so, except
 * with CI=true, where a missing program is a failure: a green run there has run everything.
 */
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import type { TestContext } from 'vitest';

export interface Program {
  /** Debian package that brings it, or else one of npm, which is installed for the tests alone. */
  readonly from: { readonly apt: string } | { readonly npm: string };
  /** Names it goes by, the preferred one first; or its path, where only the one in that place will do. */
  readonly commands: readonly string[];
  /** A file that comes with the package, where the command comes with another one. */
  readonly file?: string;
  readonly usedFor: string;
}

export const programs = {
  curl: { from: { apt: 'curl' }, commands: ['curl'], usedFor: 'a client of another make' },
  wrk: { from: { apt: 'wrk' }, commands: ['wrk'], usedFor: 'load' },
  chromium: {
    from: { apt: 'chromium' },
    commands: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
    usedFor: 'a real browser with a real cookie jar',
  },
  tmux: { from: { apt: 'tmux' }, commands: ['tmux'], usedFor: 'a terminal in which limpet top runs' },
  php: { from: { apt: 'php-cli' }, commands: ['php'], usedFor: 'an app server with sessions of its own' },
  tomcat: {
    // A command of its own by which it is found; with it come Java and all of Tomcat, and no daemon.
    from: { apt: 'tomcat10-user' },
    commands: ['tomcat10-instance-create'],
    usedFor: 'an app server with sessions of its own',
  },
  haproxy: { from: { apt: 'haproxy' }, commands: ['haproxy'], usedFor: 'a rival in the benches' },
  redis: { from: { apt: 'redis-server' }, commands: ['redis-server'], usedFor: 'a store of sessions' },
  postgres: {
    from: { apt: 'postgresql' },
    commands: ['initdb'],
    usedFor: 'a database in which apps keep their sessions',
  },
  cc: { from: { apt: 'build-essential' }, commands: ['cc'], usedFor: 'the load programs of the benches' },
  openssl: {
    from: { apt: 'libssl-dev' },
    commands: ['openssl'],
    file: '/usr/include/openssl/ssl.h',
    usedFor: 'certificates and TLS of another make, and TLS in the load programs of the benches',
  },
  prlimit: {
    from: { apt: 'util-linux' },
    commands: ['prlimit'],
    usedFor: 'descriptors that run short, and a disk that is full',
  },
  node22: {
    from: { npm: 'node@22.12' },
    commands: ['node_modules/node/bin/node'],
    usedFor: 'the oldest Node that the session library runs on',
  },
  nginx: { from: { apt: 'nginx' }, commands: ['nginx'], usedFor: 'a rival in the benches' },
  hpack: {
    from: { apt: 'python3-hpack' },
    // Python modules of Debian are found by Debian's Python only.
    commands: ['/usr/bin/python3'],
    file: '/usr/lib/python3/dist-packages/hpack/hpack.py',
    usedFor: 'header compression of another make',
  },
  promtool: { from: { apt: 'prometheus' }, commands: ['promtool'], usedFor: 'checks of metrics, and of alert rules' },
  prometheus: { from: { apt: 'prometheus' }, commands: ['prometheus'], usedFor: 'the scraper of metrics' },
  nghttp: { from: { apt: 'nghttp2-client' }, commands: ['nghttp'], usedFor: 'HTTP/2 of another make' },
  h2load: { from: { apt: 'nghttp2-client' }, commands: ['h2load'], usedFor: 'load over HTTP/2' },
  h2: {
    from: { apt: 'python3-h2' },
    commands: ['/usr/bin/python3'],
    file: '/usr/lib/python3/dist-packages/h2/connection.py',
    usedFor: 'HTTP/2 of another make',
  },
} as const satisfies Record<string, Program>;

export type ProgramName = keyof typeof programs;

export const programNames = Object.keys(programs) as ProgramName[];

/** Where the npm packages of a program are installed. */
export function folderOf(name: ProgramName): string {
  return resolve(import.meta.dirname, '../../node_modules/.cache/programs', name);
}

/** How the program is installed. */
export function installationOf(name: ProgramName): string {
  const { from }: Program = programs[name];
  return 'apt' in from ? `apt-get install ${from.apt}` : `npm install --prefix ${folderOf(name)} ${from.npm}`;
}

/** Absolute path of the program, or undefined when this machine has none. */
export function findProgram(name: ProgramName): string | undefined {
  // Daemons live in sbin, which the PATH of an ordinary user often leaves out.
  const folders = [
    folderOf(name),
    ...(process.env.PATH ?? '').split(delimiter),
    '/usr/local/sbin',
    '/usr/sbin',
    '/sbin',
    ...postgresFolders(),
  ];
  const { commands, file }: Program = programs[name];
  if (file !== undefined && !existsSync(file)) return undefined;
  for (const command of commands) {
    if (isAbsolute(command)) {
      if (isExecutable(command)) return command;
      continue;
    }
    for (const folder of folders) {
      const path = join(folder, command);
      if (folder !== '' && isExecutable(path)) return path;
    }
  }
  return undefined;
}

export function missingPrograms(): ProgramName[] {
  return programNames.filter((name) => findProgram(name) === undefined);
}

/** Inside a test: the program's path. Skips the test with the reason when there is none; with CI=true, fails. */
export function needProgram(context: TestContext, name: ProgramName): string {
  const path = findProgram(name);
  if (path !== undefined) return path;
  const reason = `${name} is not installed (${installationOf(name)})`;
  if (onContinuousIntegration()) throw new Error(reason);
  return context.skip(reason);
}

export function onContinuousIntegration(): boolean {
  return process.env.CI === 'true' || process.env.CI === '1';
}

/** Debian has each version in a folder of its own, which is on no PATH. */
function postgresFolders(): string[] {
  const all = '/usr/lib/postgresql';
  return existsSync(all) ? readdirSync(all).map((version) => join(all, version, 'bin')) : [];
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
