/** Collects what becomes of each line of a haproxy.cfg. A line of `defaults` applies to every section that inherits it. */
import type { Note } from '../imported.ts';
import { ImportReport } from '../report.ts';
import { StatementReport } from '../statement-report.ts';
import type { Line } from './lines.ts';

export class LineReport extends StatementReport<Line> {
  private readonly text: string;

  constructor(text: string) {
    super();
    this.text = text;
  }

  notes(lines: readonly Line[]): Note[] {
    const report = new ImportReport(this.text);
    this.writeTo(report, lines, ({ number }) => [number]);
    return report.notes();
  }
}
