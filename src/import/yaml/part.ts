/**
 * A node of a YAML document with its lines and its place in the report. The code that reads a part carries it over, changes it
 * or leaves it out. A part that is not carried over is left out, with the reason of the nearest part around it.
 */
import { isMap, isScalar, isSeq, type Node } from 'yaml';
import type { Concern } from '../imported.ts';
import type { ImportReport } from '../report.ts';

/** What a part needs of its file. */
export interface PartFile {
  readonly report: ImportReport;
  /** The part for a node that has an anchor. */
  partOf(node: Node): Part | undefined;
}

export interface PartPosition {
  /** null for a key without a value. */
  readonly node: Node | null;
  /** For an alias, the node of its anchor. */
  readonly target: Node | undefined;
  /** The line of its key, counted from 1. */
  readonly firstLine: number;
  readonly lastLine: number;
  readonly parent: Part | null;
}

export class Part {
  readonly firstLine: number;
  readonly lastLine: number;
  private readonly file: PartFile;
  private readonly node: Node | null;
  private readonly target: Node | undefined;
  private readonly parent: Part | null;
  private readonly children: [key: string, part: Part][] = [];
  private readonly byKey = new Map<string, Part>();
  /** This part, or something in it, is carried over. */
  private isCarried = false;
  private reason: string | null = null;
  private hasWarning = false;

  constructor(file: PartFile, { node, target, firstLine, lastLine, parent }: PartPosition) {
    this.file = file;
    this.node = node;
    this.target = target;
    this.firstLine = firstLine;
    this.lastLine = lastLine;
    this.parent = parent;
  }

  add(key: string, part: Part): void {
    this.children.push([key, part]);
    this.byKey.set(key, part);
  }

  /** Offsets in the text. */
  get range(): readonly [start: number, end: number] {
    const [start, end] = this.node?.range ?? [0, 0];
    return [start, end];
  }

  get isMap(): boolean {
    return isMap(this.resolved().node);
  }

  get(key: string): Part | null {
    const resolved = this.resolved();
    if (!isMap(resolved.node)) return null;
    return resolved.byKey.get(key) ?? resolved.merged(key);
  }

  /** The part at this path. */
  at(...keys: readonly string[]): Part | null {
    let part: Part | null = this;
    for (const key of keys) part = part?.get(key) ?? null;
    return part;
  }

  entries(): readonly (readonly [key: string, part: Part])[] {
    const resolved = this.resolved();
    return isMap(resolved.node) ? resolved.children : [];
  }

  items(): readonly Part[] {
    const resolved = this.resolved();
    return isSeq(resolved.node) ? resolved.children.map(([, part]) => part) : [];
  }

  /** The part that encloses it, so many levels up. */
  up(levels: number): Part | null {
    let part: Part | null = this;
    for (let level = 0; level < levels; level++) part = part?.parent ?? null;
    return part;
  }

  /** The text of a string, a number or a boolean; null for anything else. */
  text(): string | null {
    const { node } = this.resolved();
    if (!isScalar(node)) return null;
    const { value } = node;
    return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : null;
  }

  textAt(...keys: readonly string[]): string | null {
    return this.at(...keys)?.text() ?? null;
  }

  /** The config expresses it. For a map or a list this means its own line, not its items. */
  carry(): this {
    const collection = isMap(this.node) || isSeq(this.node);
    this.file.report.markCarried(this.firstLine, collection ? this.firstLine : this.lastLine);
    for (let part: Part | null = this; part !== null && !part.isCarried; part = part.parent) {
      part.isCarried = true;
      if (part.parent !== null) part.file.report.markCarried(part.firstLine, part.firstLine);
    }
    const resolved = this.resolved();
    if (resolved !== this) resolved.carry();
    return this;
  }

  carryAt(...keys: readonly string[]): void {
    this.at(...keys)?.carry();
  }

  /** Carries over its items too. */
  carryAll(): this {
    this.carry();
    for (const [, part] of this.children) part.carryAll();
    return this;
  }

  /** It is carried over with a difference: `why`. */
  change(why: string): this {
    this.carry();
    this.file.report.add(this.firstLine, 'changed', why);
    return this;
  }

  /** Reported in any case, before all other notes. */
  warn(concern: Concern, why: string): this {
    this.file.report.warn(this.firstLine, concern, why);
    this.hasWarning = true;
    return this;
  }

  /** The reason for lines in it that are not carried over. An inner part may have another reason; the last call counts. */
  leave(why: string): this {
    this.reason = why;
    return this;
  }

  /** Like `leave`, also for the list in which it is an item. */
  leaveItem(why: string): this {
    if (this.parent?.items().includes(this)) this.parent.leave(why);
    return this.leave(why);
  }

  /** The reason that was given, if any. */
  get why(): string | null {
    return this.reason;
  }

  reportLeftOut(outer: string): void {
    const why = this.reason ?? outer;
    const collection = (isMap(this.node) || isSeq(this.node)) && this.children.length > 0;
    // The note of a child on the same line is more precise.
    const isReportedByChild = collection && this.children.some(([, part]) => part.firstLine === this.firstLine);
    if (!this.isCarried && !isReportedByChild) {
      const to = collection ? this.firstLine : this.lastLine;
      for (let line = this.hasWarning ? this.firstLine + 1 : this.firstLine; line <= to; line++) {
        if (this.file.report.lines[line - 1] !== '') this.file.report.add(line, 'left-out', why);
      }
    }
    for (const [, part] of this.children) part.reportLeftOut(why);
  }

  /** For an alias, the part of its anchor, else the part itself. */
  private resolved(): Part {
    const part = this.target === undefined ? undefined : this.file.partOf(this.target);
    return part ?? this;
  }

  /** `<<: *anchor`, as kubectl reads it. Only one level is followed, because an anchor may contain itself. */
  private merged(key: string): Part | null {
    const merge = this.byKey.get('<<');
    if (merge === undefined) return null;
    const resolved = merge.resolved();
    const sources = isSeq(resolved.node) ? resolved.children.map(([, part]) => part.resolved()) : [resolved];
    const found = sources.find((source) => source.byKey.has(key))?.byKey.get(key);
    if (found !== undefined) merge.carry();
    return found ?? null;
  }
}
