/** What became of each line: carried over, changed, or left out with a reason. A line of `defaults` may serve many sections. */

import type { Concern, Note } from '../imported.ts';
import type { Line } from './lines.ts';

export class Ledger {
  private readonly carried = new Set<Line>();
  private readonly changes = new Map<Line, Set<string>>();
  private readonly reasons = new Map<Line, string>();
  private readonly warnings = new Map<Line, Map<string, Concern>>();

  /** The config says what the line says, or it says what holds here anyway. */
  carry(line: Line): void {
    this.carried.add(line);
  }

  /** It is carried over, and `why` is what is not quite the same. */
  change(line: Line, why: string): void {
    this.carry(line);
    const whys = this.changes.get(line) ?? new Set<string>();
    this.changes.set(line, whys.add(why));
  }

  /** The first reason stays. It is not told when another section carries the line over. */
  leaveOut(line: Line, why: string): void {
    if (!this.reasons.has(line)) this.reasons.set(line, why);
  }

  /** Told whatever becomes of the line: what a person has to know first. */
  warn(line: Line, concern: Concern, why: string): void {
    const whys = this.warnings.get(line) ?? new Map<string, Concern>();
    this.warnings.set(line, whys.set(why, concern));
  }

  /** Nobody has said anything of it yet. */
  isOpen(line: Line): boolean {
    return !this.carried.has(line) && !this.reasons.has(line) && !this.warnings.has(line);
  }

  isCarried(line: Line): boolean {
    return this.carried.has(line);
  }

  notes(lines: readonly Line[]): Note[] {
    return lines.flatMap((line): Note[] => {
      const note = (kind: Note['kind'], why: string): Note => ({ line: line.number, text: line.text, why, kind });
      const changes = Array.from(this.changes.get(line) ?? [], (why) => note('changed', why));
      const kind = this.carried.has(line) ? 'changed' : 'left-out';
      const warnings = Array.from(this.warnings.get(line) ?? [], ([why, concern]) => ({ ...note(kind, why), concern }));
      if (warnings.length > 0 || this.carried.has(line)) return [...warnings, ...changes];
      const why = this.reasons.get(line);
      return why === undefined ? [] : [note('left-out', why)];
    });
  }
}
