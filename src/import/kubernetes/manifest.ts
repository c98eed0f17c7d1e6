/** A manifest as a tree of parts, and what is said of its lines in the end: each with a word in it is carried over or gets a note. */
import { type Document, isAlias, isMap, isScalar, isSeq, type LineCounter, type Node } from 'yaml';
import type { Concern, Note } from '../imported.ts';
import { Part } from './part.ts';

/** What stands in the file, by line, and what is said of it. */
export class Manifest {
  readonly lines: readonly string[];
  readonly roots: Part[] = [];
  private readonly counter: LineCounter;
  /** Where an anchor's parts are: an alias reads them there. */
  private readonly parts = new Map<Node, Part>();
  /** By line: what is said, and how. */
  private readonly said = new Map<number, Map<string, Note['kind']>>();
  private readonly warnings = new Map<number, Map<string, Concern>>();
  private readonly carried = new Set<number>();

  constructor(text: string, counter: LineCounter) {
    this.lines = text.split('\n').map((line) => line.trim());
    this.counter = counter;
  }

  addDocument(document: Document.Parsed): Part | null {
    const { contents } = document;
    if (contents === null || (isScalar(contents) && contents.value === null)) return null;
    const root = this.build(contents, document, this.lineAt(contents.range?.[0] ?? 0), null);
    this.roots.push(root);
    return root;
  }

  /** A tree of no document, such as the labels of a container, whose lines are those of this file all the same. */
  addTree(tree: Node): Part {
    const root = this.build(tree, null, this.lineAt(tree.range?.[0] ?? 0), null);
    this.roots.push(root);
    return root;
  }

  partOf(node: Node): Part | undefined {
    return this.parts.get(node);
  }

  markCarried(from: number, to: number): void {
    for (let line = from; line <= to; line++) this.carried.add(line);
  }

  say(line: number, kind: Note['kind'], why: string): void {
    const whys = this.said.get(line) ?? new Map<string, Note['kind']>();
    this.said.set(line, whys);
    if (!whys.has(why)) whys.set(why, kind);
  }

  /** Told whatever becomes of the line: what a person has to know first. */
  warn(line: number, concern: Concern, why: string): void {
    const whys = this.warnings.get(line) ?? new Map<string, Concern>();
    this.warnings.set(line, whys.set(why, concern));
  }

  /** Every line with a word in it is carried over or gets a note. */
  notes(): Note[] {
    for (const root of this.roots) root.sweep('nothing here corresponds to it');
    this.explainPunctuation();
    const lines = [...new Set([...this.said.keys(), ...this.warnings.keys()])].sort((a, b) => a - b);
    return lines.flatMap((line): Note[] => {
      const text = this.lines[line - 1] ?? '';
      const kept = this.carried.has(line) ? 'changed' : 'left-out';
      const warnings = this.warnings.get(line) ?? new Map<string, Concern>();
      const told = this.said.get(line) ?? new Map<string, Note['kind']>();
      const said = [...(this.said.get(line) ?? [])].filter(([why]) => !warnings.has(why));
      return [
        ...Array.from(
          warnings,
          ([why, concern]) => ({ line, text, why, kind: told.get(why) ?? kept, concern }) as const,
        ),
        ...said.map(([why, kind]) => ({ line, text, why, kind })),
      ];
    });
  }

  /** A line of dashes and brackets alone opens what comes after it, or closes what came before. */
  private explainPunctuation(): void {
    const open = this.lines.flatMap((text, index) => {
      const line = index + 1;
      const empty = text === '' || text.startsWith('#') || /^(?:---|\.\.\.)(?:\s+#.*)?$|^%(?:YAML|TAG)\b/.test(text);
      return empty || this.carried.has(line) || this.said.has(line) ? [] : [line];
    });
    const tell = (line: number, near: number) => {
      if (this.carried.has(near)) this.carried.add(line);
      else for (const [why] of this.said.get(near) ?? []) this.say(line, 'left-out', why);
      return this.carried.has(line) || this.said.has(line);
    };
    const rest = open.filter((line) => (/^[\]}]/.test(this.lines[line - 1] ?? '') ? !tell(line, line - 1) : true));
    for (const line of rest.reverse()) {
      if (!tell(line, line + 1)) this.say(line, 'left-out', 'nothing here corresponds to it');
    }
  }

  private lineAt(offset: number): number {
    return Math.max(1, this.counter.linePos(offset).line);
  }

  private build(node: Node, document: Document.Parsed | null, from: number, parent: Part | null): Part {
    const [start, end] = node.range ?? [0, 0];
    // A block scalar ends with its line break, which belongs to its last line.
    const to = Math.max(from, this.lineAt(Math.max(start, end - 1)));
    const target = isAlias(node) && document !== null ? node.resolve(document) : undefined;
    const part = new Part(this, node, target, from, to, parent);
    this.parts.set(node, part);
    if (isMap(node)) {
      for (const { key, value } of node.items) {
        if (!isScalar(key)) continue;
        const line = this.lineAt(key.range?.[0] ?? start);
        const child = asNode(value);
        part.add(
          String(key.value),
          child === null ? new Part(this, null, undefined, line, line, part) : this.build(child, document, line, part),
        );
      }
    } else if (isSeq(node)) {
      for (const item of node.items) {
        const child = asNode(item);
        if (child !== null) part.add('', this.build(child, document, this.lineAt(child.range?.[0] ?? start), part));
      }
    }
    return part;
  }
}

function asNode(value: unknown): Node | null {
  return isMap(value) || isSeq(value) || isScalar(value) || isAlias(value) ? value : null;
}
