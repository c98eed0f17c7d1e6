/**
 * What the default reporter leaves out: every name in the table of hostile messages (it is the list of
 * attacks that are tried), each skipped test with its reason, and the totals on a line of their own.
 */
import { writeFileSync } from 'node:fs';
import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node';

/** `failed` also counts files that did not load and errors outside of any test. */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Set by scripts/test.ts: the file that gets the totals as JSON, to be added up with the other checks. */
export const totalsVariable = 'LIMPET_TEST_TOTALS';

const namedFolder = 'test/hostile/';
const marks = { passed: '✓', failed: '✗', skipped: '↓', pending: '…' };

export function formatTotals({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

export class TestReporter implements Reporter {
  /** With -t most tests are skipped on purpose: nobody wants that list. */
  private filtered = false;
  private readonly onDemand: number;

  /** `onDemand`: suites that this run leaves out. */
  constructor(onDemand: number) {
    this.onDemand = onDemand;
  }

  onInit(vitest: Vitest): void {
    this.filtered = vitest.config.testNamePattern !== undefined;
  }

  onTestModuleEnd(module: TestModule): void {
    if (!module.relativeModuleId.startsWith(namedFolder)) return;
    for (const test of module.children.allTests()) {
      console.log(`   ${marks[test.result().state]} ${test.fullName}`);
    }
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    if (!this.filtered) listSkipped(modules);
    if (process.env[totalsVariable] !== undefined && this.onDemand > 0) {
      console.log(`\n ${this.onDemand} suites run with LIMPET_LONG=1 only (test/support/suites.ts)`);
    }
    const totals = count(modules, unhandledErrors.length);
    const file = process.env[totalsVariable];
    if (file === undefined) console.log(`\n${formatTotals(totals)}`);
    else writeFileSync(file, JSON.stringify(totals));
  }
}

function count(modules: readonly TestModule[], unhandledErrors: number): Totals {
  let passed = 0;
  let failed = unhandledErrors;
  let skipped = 0;
  for (const module of modules) {
    let failedHere = 0;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') passed += 1;
      else if (state === 'skipped') skipped += 1;
      // A test that is still pending at the end was lost with its worker.
      else failedHere += 1;
    }
    // The file failed to load, a hook failed, or its worker crashed: no test of it shows that.
    if (failedHere === 0 && (module.state() === 'failed' || module.state() === 'pending')) failedHere = 1;
    failed += failedHere;
  }
  return { passed, failed, skipped };
}

function listSkipped(modules: readonly TestModule[]): void {
  const lines: string[] = [];
  /** Tests that are about what another transport speaks, by the reason (transport.ts). */
  const notOver = new Map<string, number>();
  for (const module of modules) {
    for (const test of module.children.allTests('skipped')) {
      const reason = reasonOf(test);
      if (reason.startsWith('not over ')) notOver.set(reason, (notOver.get(reason) ?? 0) + 1);
      else lines.push(`   ${module.relativeModuleId} > ${test.fullName}: ${reason}`);
    }
  }
  for (const [reason, count] of [...notOver].sort())
    lines.push(`   ${count} ${count === 1 ? 'test' : 'tests'} ${reason}`);
  if (lines.length > 0) console.log(`\n Skipped, and why\n${lines.join('\n')}`);
}

function reasonOf(test: TestCase): string {
  const result = test.result();
  if (result.state === 'skipped' && result.note !== undefined) return result.note;
  // Nobody asked to skip it: a hook before it failed, which is reported as the failure.
  return test.options.mode === 'run' ? 'its suite failed' : 'no reason given';
}
