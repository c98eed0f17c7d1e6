/**
 * Installs the programs that the tests run against and this machine lacks, where that is possible without
 * asking: those of Debian as root on Debian or Ubuntu, those of npm beside the other packages. Elsewhere it names them and
 * goes on. With CI=true anything still missing at the end is a failure.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import {
  folderOf,
  installationOf,
  missingPrograms,
  onContinuousIntegration,
  type Program,
  type ProgramName,
  programs,
} from '../test/support/programs.ts';

/** Asked by Debian's package scripts before they start a daemon; 101 forbids it. */
const policy = '/usr/sbin/policy-rc.d';

function canInstall(): boolean {
  return process.getuid?.() === 0 && existsSync('/etc/debian_version') && existsSync('/usr/bin/apt-get');
}

function aptGet(...args: string[]): boolean {
  const options = ['-o', 'DPkg::Lock::Timeout=120', '-o', 'Acquire::Retries=3', '-q'];
  const { status } = spawnSync('apt-get', [...options, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    timeout: 5 * 60_000,
  });
  return status === 0;
}

function installByApt(packages: readonly string[]): void {
  console.log(`programs: installing ${packages.join(', ')}`);
  // The tests start their own haproxy and nginx on free ports; the packages' must not take port 80.
  const quiet = !existsSync(policy);
  if (quiet) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    aptGet('update');
    // One by one when the list fails as a whole: a distribution that lacks one must not cost the others.
    if (!aptGet('install', '-y', '--no-install-recommends', ...packages)) {
      for (const one of packages) aptGet('install', '-y', '--no-install-recommends', one);
    }
  } finally {
    if (quiet) rmSync(policy, { force: true });
  }
}

/** Into a folder of its own: the programs of one must not hide those of another. */
function installByNpm(name: ProgramName, spec: string): void {
  console.log(`programs: installing ${spec}`);
  const folder = folderOf(name);
  mkdirSync(folder, { recursive: true });
  const options = ['--prefix', folder, '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'];
  spawnSync('npm', ['install', ...options, spec], { stdio: ['ignore', 'ignore', 'inherit'], timeout: 2 * 60_000 });
}

const byApt: string[] = [];
for (const name of missingPrograms()) {
  const { from }: Program = programs[name];
  if ('apt' in from) byApt.push(from.apt);
  else installByNpm(name, from.npm);
}
if (byApt.length > 0 && canInstall()) installByApt(byApt);

const missing = missingPrograms();
for (const name of missing) {
  const { usedFor } = programs[name];
  console.log(
    `programs: ${name} is missing (${usedFor}); tests that need it are skipped. To install it: ${installationOf(name)}`,
  );
}
if (missing.length === 0) console.log('programs: all are here');
else if (onContinuousIntegration()) process.exitCode = 1;
