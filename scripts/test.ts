/**
 * `npm test`: build, package, programs, types, lint, documentation, tests. Every step runs, also after one has failed, so that one run
 * shows all there is to mend. Arguments go to vitest (`npm test -- src/http -t cookie`). Closes with the
 * line `N passed, N failed`, in which each step beside the tests counts as one.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { formatTotals, type Totals, totalsVariable } from '../test/support/reporter.ts';

const root = resolve(import.meta.dirname, '..');
const bin = join(root, 'node_modules/.bin');
const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` };

function run(title: string, command: string, args: readonly string[], more: NodeJS.ProcessEnv = {}): boolean {
  console.log(`\n== ${title}`);
  const { status, error } = spawnSync(command, args, { cwd: root, env: { ...env, ...more }, stdio: 'inherit' });
  if (error !== undefined) console.error(error.message);
  if (status !== 0) console.log(`== ${title}: FAILED`);
  return status === 0;
}

function runTests(args: readonly string[], isBuilt: boolean): Totals {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-test-'));
  try {
    const file = join(folder, 'totals.json');
    // The black-box suites run what was built (test/support/command.ts).
    const main = isBuilt ? { LIMPET_TEST_MAIN: join(root, 'dist/main.js') } : {};
    // The suites start hundreds of programs: Node need not translate the same sources for each.
    const compiled = { NODE_COMPILE_CACHE: join(folder, 'compiled') };
    const ok = run('tests', 'vitest', ['run', ...args], { [totalsVariable]: file, ...compiled, ...main });
    const totals = readTotals(file);
    // vitest can also fail without a failed test: no file matched, or it crashed before its report.
    return ok || totals.failed > 0 ? totals : { ...totals, failed: 1 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readTotals(file: string): Totals {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Totals;
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

const isBuilt = run('build', 'node', ['scripts/build.ts']);
const checks = [
  isBuilt,
  run('package', 'node', ['scripts/check-package.ts']),
  run('programs', 'node', ['scripts/programs.ts']),
  run('types', 'tsc', ['-p', '.']),
  run('types of the dashboard', 'tsc', ['-p', 'dashboard']),
  run('lint', 'biome', ['ci', '--error-on-warnings', '.']),
  run('documentation', 'node', ['scripts/api-docs.ts', '--check']),
];
const tests = runTests(process.argv.slice(2), isBuilt);

const totals: Totals = {
  passed: tests.passed + checks.filter((ok) => ok).length,
  failed: tests.failed + checks.filter((ok) => !ok).length,
  skipped: tests.skipped,
};
console.log(`\n${formatTotals(totals)}`);
if (totals.failed > 0) process.exitCode = 1;
