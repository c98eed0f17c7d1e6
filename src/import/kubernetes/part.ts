/**
 * A part of a manifest that knows its lines. Who reads a part says what became of it: carried over, changed or left out;
 * what nobody carried over is left out, with the reason of the nearest part around it.
 */
import { isMap, isScalar, isSeq, type Node } from 'yaml';
import type { Concern } from '../imported.ts';
import type { Manifest } from './manifest.ts';

export class Part {
  /** First line (that of its key) and last, 1-based. */
  readonly from: number;
  readonly to: number;
  private readonly manifest: Manifest;
  private readonly node: Node | null;
  private readonly target: Node | undefined;
  private readonly parent: Part | null;
  private readonly children: [key: string, part: Part][] = [];
  private readonly byKey = new Map<string, Part>();
  /** It, or something in it, is carried over. */
  private alive = false;
  private reason: string | null = null;
  private warned = false;

  constructor(
    manifest: Manifest,
    node: Node | null,
    target: Node | undefined,
    from: number,
    to: number,
    parent: Part | null,
  ) {
    this.manifest = manifest;
    this.node = node;
    this.target = target;
    this.from = from;
    this.to = to;
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
    return isMap(this.real().node);
  }

  get(key: string): Part | null {
    const real = this.real();
    if (!isMap(real.node)) return null;
    return real.byKey.get(key) ?? real.merged(key);
  }

  /** `get` below `get`. */
  at(...keys: readonly string[]): Part | null {
    let part: Part | null = this;
    for (const key of keys) part = part?.get(key) ?? null;
    return part;
  }

  entries(): readonly (readonly [key: string, part: Part])[] {
    const real = this.real();
    return isMap(real.node) ? real.children : [];
  }

  items(): readonly Part[] {
    const real = this.real();
    return isSeq(real.node) ? real.children.map(([, part]) => part) : [];
  }

  /** What it stands in, so many levels up. */
  up(levels: number): Part | null {
    let part: Part | null = this;
    for (let level = 0; level < levels; level++) part = part?.parent ?? null;
    return part;
  }

  /** Of a text, a number or a truth value; null for anything else. */
  text(): string | null {
    const { node } = this.real();
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
    this.manifest.markCarried(this.from, collection ? this.from : this.to);
    for (let part: Part | null = this; part !== null && !part.alive; part = part.parent) {
      part.alive = true;
      if (part.parent !== null) part.manifest.markCarried(part.from, part.from);
    }
    const real = this.real();
    if (real !== this) real.carry();
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
    this.manifest.say(this.from, 'changed', why);
    return this;
  }

  /** Told whatever becomes of it: what a person has to know first. */
  warn(concern: Concern, why: string): this {
    this.manifest.warn(this.from, concern, why);
    this.warned = true;
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

  sweep(outer: string): void {
    const why = this.reason ?? outer;
    const collection = (isMap(this.node) || isSeq(this.node)) && this.children.length > 0;
    // What stands on the same line says it better.
    const told = collection && this.children.some(([, part]) => part.from === this.from);
    if (!this.alive && !told) {
      const to = collection ? this.from : this.to;
      for (let line = this.warned ? this.from + 1 : this.from; line <= to; line++) {
        if (this.manifest.lines[line - 1] !== '') this.manifest.say(line, 'left-out', why);
      }
    }
    for (const [, part] of this.children) part.sweep(why);
  }

  /** What an alias stands for. Whoever reads an alias uses it. */
  private real(): Part {
    const part = this.target === undefined ? undefined : this.manifest.partOf(this.target);
    return part ?? this;
  }

  /** `<<: *anchor`, as kubectl reads it. One level: an anchor within itself must not go round for ever. */
  private merged(key: string): Part | null {
    const merge = this.byKey.get('<<');
    if (merge === undefined) return null;
    const real = merge.real();
    const sources = isSeq(real.node) ? real.children.map(([, part]) => part.real()) : [real];
    const found = sources.find((source) => source.byKey.has(key))?.byKey.get(key);
    if (found !== undefined) merge.carry();
    return found ?? null;
  }
}
