/** The report of an import: for each line of the file, whether it is carried over, and the notes about it. */
import type { Concern, Note } from './imported.ts';

export class ImportReport {
  /** The lines of the file, without white space around them. */
  readonly lines: readonly string[];
  private readonly carriedOver = new Set<number>();
  /** By line: the reasons in the order in which they were added, each with the kind of its note. */
  private readonly reasons = new Map<number, Map<string, Note['kind']>>();
  private readonly warnings = new Map<number, Map<string, Concern>>();

  constructor(text: string) {
    this.lines = text.split('\n').map((line) => line.trim());
  }

  /** Lines are counted from 1, and `last` is included. */
  markCarried(first: number, last = first): void {
    for (let line = first; line <= last; line++) this.carriedOver.add(line);
  }

  isCarried(line: number): boolean {
    return this.carriedOver.has(line);
  }

  /** A reason that was added before keeps its kind. */
  add(line: number, kind: Note['kind'], why: string): void {
    const reasons = this.reasons.get(line) ?? new Map<string, Note['kind']>();
    this.reasons.set(line, reasons);
    if (!reasons.has(why)) reasons.set(why, kind);
  }

  reasonsOf(line: number): readonly string[] {
    return [...(this.reasons.get(line)?.keys() ?? [])];
  }

  /** Reported in any case, before all other notes of the line. */
  warn(line: number, concern: Concern, why: string): void {
    const warnings = this.warnings.get(line) ?? new Map<string, Concern>();
    this.warnings.set(line, warnings.set(why, concern));
  }

  /** By line; warnings come first. */
  notes(): Note[] {
    const noted = [...new Set([...this.reasons.keys(), ...this.warnings.keys()])].sort((a, b) => a - b);
    return noted.flatMap((line): Note[] => {
      const text = this.lines[line - 1] ?? '';
      const kindOfLine = this.carriedOver.has(line) ? 'changed' : 'left-out';
      const warnings = this.warnings.get(line) ?? new Map<string, Concern>();
      const reasons = this.reasons.get(line) ?? new Map<string, Note['kind']>();
      return [
        ...Array.from(warnings, ([why, concern]): Note => {
          return { line, text, why, kind: reasons.get(why) ?? kindOfLine, concern };
        }),
        ...Array.from(reasons, ([why, kind]): Note => ({ line, text, why, kind })),
      ];
    });
  }
}

/** One note for all reasons of a line, for syntaxes that allow several statements on one line. */
export function joinReasons(notes: readonly Note[]): Note[] {
  const joined: Note[] = [];
  for (const note of notes) {
    const last = joined.at(-1);
    if (last?.line === note.line && last.concern === undefined && note.concern === undefined) {
      joined[joined.length - 1] = { ...last, why: `${last.why}; ${note.why}` };
    } else joined.push(note);
  }
  return joined;
}
