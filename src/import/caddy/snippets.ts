/** Replaces each `import` of a snippet by the directives of the snippet, with the given arguments filled in. */

import type { Directive } from '../directive.ts';
import type { DirectiveReport } from '../directive-report.ts';

/** A limit is needed, because snippets that import snippets may grow exponentially. */
const maxDirectives = 20_000;
const maxDepth = 16;

export class Snippets {
  private readonly snippets = new Map<string, Directive>();
  private readonly report: DirectiveReport;
  private readonly used = new Set<Directive>();
  private expanded = 0;

  constructor(directives: readonly Directive[], report: DirectiveReport) {
    this.report = report;
    for (const one of directives) {
      const [, name] = /^\((.+)\)$/.exec(one.name) ?? [];
      if (name !== undefined && one.block !== null) this.snippets.set(name, one);
    }
  }

  /** The block with every `import` of a snippet replaced. */
  expand(block: readonly Directive[], depth = 0): Directive[] {
    return block.flatMap((one): Directive[] => {
      const inner = one.block === null ? null : this.expand(one.block, depth);
      const same = inner === null ? one : { ...one, block: inner };
      if (one.name !== 'import') return [same];
      const [wanted = '', ...values] = one.args;
      const snippet = this.snippets.get(wanted);
      if (snippet === undefined || depth > maxDepth || this.expanded > maxDirectives) {
        this.report.leaveOut(same, snippet === undefined ? 'the file is not followed: put its text here' : 'too deep');
        this.report.warn(same, 'not-working', `"${wanted}" is not in this file: what it says is not carried over`);
        return [same];
      }
      this.used.add(snippet);
      this.report.carry(same);
      this.report.carry(snippet);
      const copies = copy(snippet.block ?? [], values);
      this.expanded += copies.length + 1;
      return [same, ...this.expand(copies, depth + 1)];
    });
  }

  /** The definitions of the snippets: a used one without its block, which is reported where it is used. */
  definitions(): Directive[] {
    return [...this.snippets.values()].map((one) => {
      if (this.used.has(one)) {
        const head = { ...one, block: null };
        this.report.carry(head);
        return head;
      }
      this.report.leaveOut(one, 'no site imports it');
      return one;
    });
  }
}

function copy(block: readonly Directive[], values: readonly string[]): Directive[] {
  const fill = (text: string) =>
    text.replace(
      /\{args\[(\d+)\]\}|\{args\.(\d+)\}/g,
      (whole, a?: string, b?: string) => values[Number(a ?? b)] ?? whole,
    );
  return block.map((one) => ({
    ...one,
    name: fill(one.name),
    args: one.args.flatMap((arg) => (/^\{args\[:\]\}$/.test(arg) ? values : [fill(arg)])),
    block: one.block === null ? null : copy(one.block, values),
  }));
}
