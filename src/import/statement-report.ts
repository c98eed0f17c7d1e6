/**
 * Collects what becomes of each statement of a config file: a line of HAProxy, a directive of nginx or Caddy. One statement may
 * apply to several pools, and is decided about for each of them. The result is known only at the end: the statement is carried
 * over if it is carried over for one of them.
 */
import type { Concern } from './imported.ts';
import type { ImportReport } from './report.ts';

interface Outcome {
  carriedOver: boolean;
  /** Differences between the statement and the config. */
  readonly changes: Set<string>;
  /** Why it is left out; '' if no reason was given. */
  reason: string;
  readonly warnings: Map<string, Concern>;
}

export class StatementReport<S extends object> {
  private readonly outcomes = new Map<S, Outcome>();

  /** The config expresses the statement, or the statement asks for what is always done here. */
  carry(statement: S): void {
    this.outcomeOf(statement).carriedOver = true;
  }

  /** It is carried over with a difference: `why`. */
  change(statement: S, why: string): void {
    const outcome = this.outcomeOf(statement);
    outcome.carriedOver = true;
    outcome.changes.add(why);
  }

  /** The first reason is kept. It is not reported if the statement is carried over elsewhere. */
  leaveOut(statement: S, why: string): void {
    const outcome = this.outcomeOf(statement);
    if (outcome.reason === '') outcome.reason = why;
  }

  /** Reported in any case, before all other notes. */
  warn(statement: S, concern: Concern, why: string): void {
    this.outcomeOf(statement).warnings.set(why, concern);
  }

  isCarried(statement: S): boolean {
    return this.outcomes.get(statement)?.carriedOver ?? false;
  }

  /** It is carried over, left out, or has a warning. */
  isDecided(statement: S): boolean {
    const outcome = this.outcomes.get(statement);
    return outcome !== undefined && (outcome.carriedOver || outcome.reason !== '' || outcome.warnings.size > 0);
  }

  /** Why it is left out; '' if it is carried over, or not decided yet. */
  reasonOf(statement: S): string {
    const outcome = this.outcomes.get(statement);
    return outcome === undefined || outcome.carriedOver ? '' : outcome.reason;
  }

  /** Adds the outcomes to the report of the file. `linesOf` returns the lines of a statement, the first line first. */
  writeTo(report: ImportReport, statements: readonly S[], linesOf: (statement: S) => readonly number[]): void {
    for (const statement of statements) {
      if (this.isCarried(statement)) for (const line of linesOf(statement)) report.markCarried(line);
    }
    for (const statement of statements) {
      const outcome = this.outcomes.get(statement);
      if (outcome === undefined) continue;
      const lines = linesOf(statement);
      const { carriedOver, changes, warnings } = outcome;
      const reason = outcome.reason === '' || warnings.size > 0 ? [] : [outcome.reason];
      for (const line of lines.slice(0, 1)) {
        for (const [why, concern] of warnings) report.warn(line, concern, why);
      }
      // A difference is reported on the first line of the statement, an omission on all of its lines.
      for (const line of carriedOver ? lines.slice(0, 1) : lines) {
        const kind = report.isCarried(line) ? 'changed' : 'left-out';
        for (const why of carriedOver ? changes : reason) report.add(line, kind, why);
      }
    }
  }

  private outcomeOf(statement: S): Outcome {
    const known = this.outcomes.get(statement);
    if (known !== undefined) return known;
    const outcome: Outcome = { carriedOver: false, changes: new Set(), reason: '', warnings: new Map() };
    this.outcomes.set(statement, outcome);
    return outcome;
  }
}
