/** Finds the lines of one proxy by their first words, and reports those that a later line overrules. */
import type { LineReport } from './line-report.ts';
import type { Line } from './lines.ts';

export class Directives {
  readonly lines: readonly Line[];
  readonly report: LineReport;

  constructor(lines: readonly Line[], report: LineReport) {
    this.lines = lines;
    this.report = report;
  }

  /** Every line that begins with these words. */
  all(...words: readonly string[]): Line[] {
    return this.lines.filter((line) => words.every((word, at) => line.words[at] === word));
  }

  /** The last one, which overrules the others. */
  last(...words: readonly string[]): Line | undefined {
    return this.overrule(this.all(...words));
  }

  /** `option NAME`; undefined if a later line is `no option NAME`. */
  option(name: string): Line | undefined {
    const found = this.lines.filter(({ words: [no, ...words] }) => {
      const [option, what] = no === 'no' ? words : [no, words[0]];
      return option === 'option' && what === name;
    });
    const last = this.overrule(found);
    if (last?.words[0] !== 'no') return last;
    this.report.carry(last);
    return undefined;
  }

  private overrule(found: readonly Line[]): Line | undefined {
    const last = found.at(-1);
    for (const line of found.slice(0, -1)) this.report.leaveOut(line, `line ${last?.number} overrules it`);
    return last;
  }
}
