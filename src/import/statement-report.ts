/**
 * What becomes of each statement of a config file: a line of HAProxy, a directive of nginx or Caddy. One statement may serve
 * several servers or pools, and each of them decides about it. So the outcome is known at the end only: what one of them carries
 * over is carried over.
 */
import type { Concern } from './imported.ts';
import type { ImportReport } from './report.ts';

interface Outcome {
  carried: boolean;
  /** What is not quite the same. */
  readonly changes: Set<string>;
  /** Why nothing of it is in the config; '' none is given. */
  reason: string;
  readonly warnings: Map<string, Concern>;
}

export class StatementReport<S extends object> {
  private readonly outcomes = new Map<S, Outcome>();

  /** The config says what the statement says, or it says what holds here anyway. */
  carry(statement: S): void {
    this.outcomeOf(statement).carried = true;
  }

  /** It is carried over, and `why` is what is not quite the same. */
  change(statement: S, why: string): void {
    const outcome = this.outcomeOf(statement);
    outcome.carried = true;
    outcome.changes.add(why);
  }

  /** The first reason stays. It is not reported when something else carries the statement over. */
  leaveOut(statement: S, why: string): void {
    const outcome = this.outcomeOf(statement);
    if (outcome.reason === '') outcome.reason = why;
  }

  /** Reported whatever becomes of the statement: what a person has to know first. */
  warn(statement: S, concern: Concern, why: string): void {
    this.outcomeOf(statement).warnings.set(why, concern);
  }

  isCarried(statement: S): boolean {
    return this.outcomes.get(statement)?.carried ?? false;
  }

  /** Something was said about it: it is carried over, left out, or has a warning. */
  isDecided(statement: S): boolean {
    const outcome = this.outcomes.get(statement);
    return outcome !== undefined && (outcome.carried || outcome.reason !== '' || outcome.warnings.size > 0);
  }

  /** Why it is not carried over; '' when it is, or when nothing was said about it. */
  reasonOf(statement: S): string {
    const outcome = this.outcomes.get(statement);
    return outcome === undefined || outcome.carried ? '' : outcome.reason;
  }

  /** Adds the outcomes to the report of the file. `linesOf`: where a statement stands; it begins on the first of these. */
  writeTo(report: ImportReport, statements: readonly S[], linesOf: (statement: S) => readonly number[]): void {
    for (const statement of statements) {
      if (this.isCarried(statement)) for (const line of linesOf(statement)) report.markCarried(line);
    }
    for (const statement of statements) {
      const outcome = this.outcomes.get(statement);
      if (outcome === undefined) continue;
      const lines = linesOf(statement);
      const { carried, changes, warnings } = outcome;
      const reason = outcome.reason === '' || warnings.size > 0 ? [] : [outcome.reason];
      for (const line of lines.slice(0, 1)) {
        for (const [why, concern] of warnings) report.warn(line, concern, why);
      }
      // A difference is reported where the statement begins; what is missing, on every line of it.
      for (const line of carried ? lines.slice(0, 1) : lines) {
        const kind = report.isCarried(line) ? 'changed' : 'left-out';
        for (const why of carried ? changes : reason) report.add(line, kind, why);
      }
    }
  }

  private outcomeOf(statement: S): Outcome {
    const known = this.outcomes.get(statement);
    if (known !== undefined) return known;
    const outcome: Outcome = { carried: false, changes: new Set(), reason: '', warnings: new Map() };
    this.outcomes.set(statement, outcome);
    return outcome;
  }
}
