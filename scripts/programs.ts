/**
 * Installs the programs that the tests run against and this machine lacks, where that is possible without
 * asking: as root on Debian or Ubuntu. Elsewhere it names them and goes on. With CI=true anything still
 * missing at the end is a failure.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { missingPrograms, onContinuousIntegration, type ProgramName, programs } from '../test/support/programs.ts';

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

function install(names: readonly ProgramName[]): void {
  const packages = names.map((name) => programs[name].apt);
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

const wanted = missingPrograms();
if (wanted.length > 0 && canInstall()) install(wanted);

const missing = missingPrograms();
for (const name of missing) {
  const { apt, usedFor } = programs[name];
  console.log(
    `programs: ${name} is missing (${usedFor}); tests that need it are skipped. Debian: apt-get install ${apt}`,
  );
}
if (missing.length === 0) console.log('programs: all are here');
else if (onContinuousIntegration()) process.exitCode = 1;
