/**
 * A part of a YAML document that knows its lines. Whoever reads a part says what becomes of it: it is carried over, changed or
 * left out. What nobody carries over is left out, for the reason of the nearest part around it.
 */
import { isMap, isScalar, isSeq, type Node } from 'yaml';
import type { Concern } from '../imported.ts';
import type { ImportReport } from '../report.ts';

/** What a part needs of the file in which it stands. */
export interface PartFile {
  readonly report: ImportReport;
  /** The part of an anchor's node. */
  partOf(node: Node): Part | undefined;
}

export interface PartPosition {
  /** null: a key without a value. */
  readonly node: Node | null;
  /** What an alias stands for. */
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

  /** `get` below `get`. */
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

  /** What it stands in, so many levels up. */
  up(levels: number): Part | null {
    let part: Part | null = this;
    for (let level = 0; level < levels; level++) part = part?.parent ?? null;
    return part;
  }

  /** Of a text, a number or a truth value; null for anything else. */
  text(): string | null {
    const { node } = this.resolved();
    if (!isScalar(node)) return null;
    const { value } = node;
    return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : null;
  }

  textAt(...keys: readonly string[]): string | null {
    return this.at(...keys)?.text() ?? null;
  }

  /** The config says what this says. Of a map or a list: its own line, not what stands in it. */
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

  /** All that stands in it, too. */
  carryAll(): this {
    this.carry();
    for (const [, part] of this.children) part.carryAll();
    return this;
  }

  /** It is carried over, and `why` is what is not quite the same. */
  change(why: string): this {
    this.carry();
    this.file.report.add(this.firstLine, 'changed', why);
    return this;
  }

  /** Told whatever becomes of it: what a person has to know first. */
  warn(concern: Concern, why: string): this {
    this.file.report.warn(this.firstLine, concern, why);
    this.hasWarning = true;
    return this;
  }

  /** Why those lines in it are left out that are not carried over. A reason further in goes before it; the last one counts. */
  leave(why: string): this {
    this.reason = why;
    return this;
  }

  /** The same, and of the list in which it is an item. */
  leaveItem(why: string): this {
    if (this.parent?.items().includes(this)) this.parent.leave(why);
    return this.leave(why);
  }

  /** The reason given, if any. */
  get why(): string | null {
    return this.reason;
  }

  reportLeftOut(outer: string): void {
    const why = this.reason ?? outer;
    const collection = (isMap(this.node) || isSeq(this.node)) && this.children.length > 0;
    // What stands on the same line says it better.
    const isReportedByChild = collection && this.children.some(([, part]) => part.firstLine === this.firstLine);
    if (!this.isCarried && !isReportedByChild) {
      const to = collection ? this.firstLine : this.lastLine;
      for (let line = this.hasWarning ? this.firstLine + 1 : this.firstLine; line <= to; line++) {
        if (this.file.report.lines[line - 1] !== '') this.file.report.add(line, 'left-out', why);
      }
    }
    for (const [, part] of this.children) part.reportLeftOut(why);
  }

  /** What an alias stands for. Whoever reads an alias uses it. */
  private resolved(): Part {
    const part = this.target === undefined ? undefined : this.file.partOf(this.target);
    return part ?? this;
  }

  /** `<<: *anchor`, as kubectl reads it. One level: an anchor within itself must not go round for ever. */
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
