/** A YAML file as trees of parts, one for each document, with the report of its lines. */

import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseAllDocuments } from 'yaml';
import { UsageError } from '../../errors.ts';
import { commonReasons } from '../common-reasons.ts';
import type { Note } from '../imported.ts';
import { ImportReport } from '../report.ts';
import { Part } from './part.ts';

/** Throws UsageError for what is not YAML. */
export function readYaml(text: string, file: string): YamlFile {
  const counter = new LineCounter();
  const yaml = new YamlFile(text, counter);
  try {
    // Pretty errors quote the lines around the mistake, which may hold a secret.
    const documents = parseAllDocuments(text, { lineCounter: counter, prettyErrors: false, stringKeys: true });
    for (const document of documents) {
      const [error] = document.errors;
      if (error !== undefined) {
        const { line, col } = counter.linePos(error.pos[0]);
        const hint = /\{\{/.test(text) ? '; if this is a template, render it first (helm template)' : '';
        throw new UsageError(
          `${file}:${Math.max(1, line)}:${Math.max(1, col)}: not valid YAML: ${error.message.replace(/\.?$/, '')}${hint}`,
        );
      }
      yaml.addDocument(document as Parameters<YamlFile['addDocument']>[0]);
    }
  } catch (error) {
    // The parser calls itself once for each level of nesting.
    if (error instanceof RangeError) throw new UsageError(`${file}:1: not valid YAML: nested too deep`);
    throw error;
  }
  return yaml;
}

export class YamlFile {
  readonly report: ImportReport;
  readonly roots: Part[] = [];
  private readonly counter: LineCounter;
  /** By node: an alias is read as the part of its anchor. */
  private readonly parts = new Map<Node, Part>();

  constructor(text: string, counter: LineCounter) {
    this.report = new ImportReport(text);
    this.counter = counter;
  }

  addDocument(document: Document.Parsed): Part | null {
    const { contents } = document;
    if (contents === null || (isScalar(contents) && contents.value === null)) return null;
    const root = this.build(contents, document, this.lineAt(contents.range?.[0] ?? 0), null);
    this.roots.push(root);
    return root;
  }

  /** A tree that is no document, such as the labels of a container. Its lines are lines of this file. */
  addTree(tree: Node): Part {
    const root = this.build(tree, null, this.lineAt(tree.range?.[0] ?? 0), null);
    this.roots.push(root);
    return root;
  }

  partOf(node: Node): Part | undefined {
    return this.parts.get(node);
  }

  /** Each line that holds anything is carried over or has a note. What is a warning of the line is not a reason of it too. */
  notes(): Note[] {
    for (const root of this.roots) root.reportLeftOut(commonReasons.noCounterpart);
    this.explainPunctuation();
    const notes = this.report.notes();
    const warnings = new Set(
      notes.filter(({ concern }) => concern !== undefined).map(({ line, why }) => `${line} ${why}`),
    );
    return notes.filter(({ line, why, concern }) => concern !== undefined || !warnings.has(`${line} ${why}`));
  }

  /** A line of dashes and brackets alone belongs to the line after it; one that closes a bracket, to the line before it. */
  private explainPunctuation(): void {
    const { report } = this;
    const isExplained = (line: number) => report.isCarried(line) || report.reasonsOf(line).length > 0;
    const open = report.lines.flatMap((text, index) => {
      const line = index + 1;
      const empty = text === '' || text.startsWith('#') || /^(?:---|\.\.\.)(?:\s+#.*)?$|^%(?:YAML|TAG)\b/.test(text);
      return empty || isExplained(line) ? [] : [line];
    });
    const explain = (line: number, neighbour: number): boolean => {
      if (report.isCarried(neighbour)) report.markCarried(line);
      else for (const why of report.reasonsOf(neighbour)) report.add(line, 'left-out', why);
      return isExplained(line);
    };
    const rest = open.filter((line) => !/^[\]}]/.test(report.lines[line - 1] ?? '') || !explain(line, line - 1));
    for (const line of rest.reverse()) {
      if (!explain(line, line + 1)) report.add(line, 'left-out', commonReasons.noCounterpart);
    }
  }

  private lineAt(offset: number): number {
    return Math.max(1, this.counter.linePos(offset).line);
  }

  private build(node: Node, document: Document.Parsed | null, firstLine: number, parent: Part | null): Part {
    const [start, end] = node.range ?? [0, 0];
    // A block scalar ends with its line break, which belongs to its last line.
    const lastLine = Math.max(firstLine, this.lineAt(Math.max(start, end - 1)));
    const target = isAlias(node) && document !== null ? node.resolve(document) : undefined;
    const part = new Part(this, { node, target, firstLine, lastLine, parent });
    this.parts.set(node, part);
    if (isMap(node)) {
      for (const { key, value } of node.items) {
        if (!isScalar(key)) continue;
        const line = this.lineAt(key.range?.[0] ?? start);
        const child = asNode(value);
        part.add(
          String(key.value),
          child === null
            ? new Part(this, { node: null, target: undefined, firstLine: line, lastLine: line, parent: part })
            : this.build(child, document, line, part),
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
