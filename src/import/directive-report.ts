/** Collects what becomes of each directive of a file, those in blocks included. */
import type { Directive } from './directive.ts';
import type { Note } from './imported.ts';
import { ImportReport, joinReasons } from './report.ts';
import { StatementReport } from './statement-report.ts';

export class DirectiveReport extends StatementReport<Directive> {
  /** The directives in its block are left out too. */
  override leaveOut(directive: Directive, why: string): void {
    super.leaveOut(directive, why);
    for (const inner of directive.block ?? []) this.leaveOut(inner, why);
  }

  /** Throws if nothing was decided about a directive, because each line must be carried over or have a note. */
  notes(directives: readonly Directive[], text: string): Note[] {
    const report = new ImportReport(text);
    const all = directives.flatMap(withInner);
    for (const directive of all) {
      if (!this.isDecided(directive)) {
        throw new Error(`nothing was decided about "${directive.name}" of line ${directive.line}`);
      }
    }
    this.writeTo(report, all, ({ line, lines }) => [line, ...lines.filter((other) => other !== line)]);
    return joinReasons(report.notes());
  }
}

function withInner(directive: Directive): Directive[] {
  return [directive, ...(directive.block ?? []).flatMap(withInner)];
}
