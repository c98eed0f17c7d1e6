/** The code blocks of the documentation, each with its kind: the first word of its info string. */
import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { kinds } from './kinds.ts';

export interface Block {
  readonly path: string;
  /** Of its first line of text, from 1. */
  readonly line: number;
  /** First word of the info string; '' for a block without one, or without a fence. */
  readonly kind: string;
  /** The rest of the info string: in what surroundings a part of a program stands. */
  readonly about: string;
  readonly text: string;
}

export const root = resolve(import.meta.dirname, '../..');

/** Every Markdown file that a reader is meant to find, without those of packages and fixtures. */
export function documents(): string[] {
  const patterns = ['*.md', 'docs/**/*.md', 'examples/**/*.md', 'bench/**/*.md'];
  return globSync(patterns, { cwd: root, exclude: (path) => path === 'node_modules' }).sort();
}

export function blocksOf(path: string): Block[] {
  return findBlocks(readFileSync(resolve(root, path), 'utf8'), path);
}

const fence = /^ {0,3}(`{3,}|~{3,})\s*([^`]*)$/;
const listItem = /^ {0,3}(?:[-*+]|\d{1,9}[.)])\s/;

/** As CommonMark has it, as far as our pages go: fences, and lines indented by four spaces after an empty one outside of a list. */
export function findBlocks(markdown: string, path: string): Block[] {
  const lines = markdown.split('\n');
  const found: Block[] = [];
  let isInList = false;
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!;
    const opening = fence.exec(line);
    if (opening !== null) {
      const [, mark = '', info = ''] = opening;
      const end = lines.findIndex((one, at) => at > i && one.trimEnd() === mark);
      if (end < 0) throw new Error(`${path}:${i + 1}: the code block has no end`);
      const [kind = '', ...about] = info.trim().split(/\s+/);
      const said = about.join(' ') || (kind === 'ts' ? entryOf(path) : '');
      found.push({ path, line: i + 2, kind, about: said, text: lines.slice(i + 1, end).join('\n') });
      i = end;
    } else if (/^ {4}\s*\S/.test(line) && !isInList && (i === 0 || lines[i - 1]!.trim() === '')) {
      let end = i;
      while (end < lines.length && (lines[end]!.startsWith('    ') || lines[end]!.trim() === '')) end++;
      const text = lines.slice(i, end).map((one) => one.slice(4));
      found.push({ path, line: i + 1, kind: '', about: '', text: text.join('\n').trimEnd() });
      i = end - 1;
    } else if (listItem.test(line)) isInList = true;
    else if (/^\S/.test(line)) isInList = false;
  }
  return found;
}

/** An example of a doc comment knows the exports of its entry: `api limpet/express` on docs/reference/api/limpet/express.md. */
function entryOf(path: string): string {
  const entry = /^docs\/reference\/api\/(limpet.*)\.md$/.exec(path)?.[1];
  return entry === undefined ? '' : `api ${entry}`;
}

/** `docs/guide/sessions.md:32`, for messages. */
export function placeOf({ path, line }: Pick<Block, 'path' | 'line'>): string {
  return `${path}:${line}`;
}

/** What to do about each block that says no kind, or one that there is not. */
export function withoutKind(blocks: readonly Block[]): string[] {
  const expected = Object.entries(kinds).map(([kind, about]) => `    \`\`\`${kind}  ${about}`);
  return blocks
    .filter(({ kind }) => !(kind in kinds))
    .map((block) => {
      const found = block.kind === '' ? 'a code block without a kind' : `a code block of the kind ${block.kind}`;
      return `${placeOf(block)}: found ${found}, expected a fence with one of\n${expected.join('\n')}`;
    });
}

/** Code in a line of text, also over the end of one. */
export function inlineOf(path: string): string[] {
  const prose = readFileSync(resolve(root, path), 'utf8').replaceAll(/^(```+|~~~+)[\s\S]*?^\1/gm, '');
  return Array.from(prose.matchAll(/`([^`]+)`/g), ([, text]) => text!.replaceAll(/\s*\n\s*/g, ' '));
}
