/** What became of each directive, and from that of each line: carried over, changed, or left out with a reason. */
import type { Concern, Note } from '../imported.ts';
import type { Directive } from './syntax.ts';

/** Directives whose blocks are read; in nginx no other one of those that are carried over has a block. */
const contexts = new Set(['http', 'server', 'location', 'upstream', 'if', 'limit_except', 'map', 'match']);

interface Fate {
  carried: boolean;
  /** What is not quite the same. */
  readonly changes: Set<string>;
  /** Why nothing of it is in the config; the first reason stays. */
  reason: string;
  /** Told whatever becomes of it. */
  readonly warnings: Map<string, Concern>;
}

export class Ledger {
  private readonly fates = new Map<Directive, Fate>();

  /** The config says what the directive says, or it says what holds here anyway. */
  carry(directive: Directive): void {
    this.fateOf(directive).carried = true;
  }

  /** It is carried over, and `why` is what is not quite the same. */
  change(directive: Directive, why: string): void {
    const fate = this.fateOf(directive);
    fate.carried = true;
    fate.changes.add(why);
  }

  /** With all that stands in its block. Told only when nothing else carries it over. */
  leaveOut(directive: Directive, why: string): void {
    const fate = this.fateOf(directive);
    if (fate.reason === '') fate.reason = why;
    for (const inner of directive.block ?? []) this.leaveOut(inner, why);
  }

  /** Told whatever becomes of the directive: what a person has to know first. */
  warn(directive: Directive, concern: Concern, why: string): void {
    this.fateOf(directive).warnings.set(why, concern);
  }

  /** Why it is not carried over; '' when it is, or nothing was said. */
  reasonOf(directive: Directive): string {
    const fate = this.fates.get(directive);
    return fate === undefined || fate.carried ? '' : fate.reason;
  }

  isCarried(directive: Directive): boolean {
    return this.fates.get(directive)?.carried ?? false;
  }

  /** One note for each line, however many directives stand on it. Throws for a directive of which nobody has said anything. */
  notes(directives: readonly Directive[], text: string): Note[] {
    const rows = text.split('\n');
    const byLine = new Map<number, { kept: boolean; readonly whys: Set<string> }>();
    const warnings: { readonly line: number; readonly why: string; readonly concern: Concern }[] = [];
    const visit = (directive: Directive): void => {
      if (!contexts.has(directive.name)) this.leaveOutBlock(directive);
      const fate = this.fates.get(directive);
      if (fate === undefined || (!fate.carried && fate.reason === '' && fate.warnings.size === 0)) {
        throw new Error(`nothing was decided about "${directive.name}" of line ${directive.line}`);
      }
      const told = fate.reason === '' || fate.warnings.size > 0 ? [] : [fate.reason];
      const whys = fate.carried ? fate.changes : told;
      for (const [why, concern] of fate.warnings) warnings.push({ line: directive.line, why, concern });
      for (const number of directive.lines) {
        const row = byLine.get(number) ?? { kept: false, whys: new Set<string>() };
        byLine.set(number, row);
        if (fate.carried) row.kept = true;
        // What is different is told where the directive begins; what is missing, on every line of it.
        if (!fate.carried || number === directive.line) for (const why of whys) row.whys.add(why);
      }
      directive.block?.forEach(visit);
    };
    directives.forEach(visit);
    const textOf = (line: number) => (rows[line - 1] ?? '').trim();
    const rest = Array.from(byLine)
      .filter(([, { whys }]) => whys.size > 0)
      .map(([line, { kept, whys }]): Note => {
        return { line, text: textOf(line), why: Array.from(whys).join('; '), kind: kept ? 'changed' : 'left-out' };
      });
    const first = warnings.map(({ line, why, concern }): Note => {
      return { line, text: textOf(line), why, kind: byLine.get(line)?.kept ? 'changed' : 'left-out', concern };
    });
    return [...first, ...rest].sort((a, b) => a.line - b.line);
  }

  /** Most often a `;` is missing there. */
  private leaveOutBlock({ name, block }: Directive): void {
    for (const inner of block ?? []) {
      if (!this.fates.has(inner)) this.leaveOut(inner, `it stands in a block of ${name}, which nginx does not know`);
    }
  }

  private fateOf(directive: Directive): Fate {
    const known = this.fates.get(directive);
    if (known !== undefined) return known;
    const fate: Fate = { carried: false, changes: new Set(), reason: '', warnings: new Map() };
    this.fates.set(directive, fate);
    return fate;
  }
}
