/** The commands of a page, in its order, and whether what they print is what the page shows. */
import { type Block, blocksOf, inlineOf, placeOf } from './blocks.ts';
import { commandsOf, flawOfLimpet } from './commands.ts';
import { shapeOf } from './program.ts';

export interface PageCommand {
  /** `docs/guide/api.md:10`; without a line for one in a line of text. */
  readonly place: string;
  /** As it stands there, on one line, without its comment. */
  readonly text: string;
  /** What the page says that it prints; '' for nothing. */
  readonly shown: string;
  /** A block goes on in the folder that `cd` in it has chosen. */
  readonly block: number;
}

/** Those of `sh` and `console` blocks, then each whole command in the text that no block has. */
export function commandsOfPage(path: string): PageCommand[] {
  const blocks = blocksOf(path);
  const found = blocks.flatMap((block, n) =>
    block.kind === 'sh'
      ? ofShell(block, n, shownBehind(blocks, n))
      : block.kind === 'console'
        ? ofConsole(block, n)
        : [],
  );
  const inText = new Set(inlineOf(path).filter(isWholeCommand));
  const more = [...inText].filter((text) => !found.some((one) => one.text === text));
  return [...found, ...more.map((text, n) => ({ place: path, text, shown: '', block: -1 - n }))];
}

/** JSON in the block behind a single command is what that command prints. */
function shownBehind(blocks: readonly Block[], n: number): string {
  const next = blocks[n + 1];
  return next?.kind === 'json' && linesOf(blocks[n]!.text).length === 1 ? next.text : '';
}

function ofShell(block: Block, n: number, shown: string): PageCommand[] {
  return linesOf(block.text).map((text) => ({ place: placeOf(block), text, shown, block: n }));
}

function ofConsole(block: Block, n: number): PageCommand[] {
  const parts = joined(block.text).split(/^\$ /m);
  return parts.slice(1).map((part) => {
    const [line = '', ...shown] = part.trimEnd().split('\n');
    return { place: placeOf(block), text: withoutComment(line), shown: shown.join('\n'), block: n };
  });
}

function linesOf(text: string): string[] {
  return joined(text)
    .split('\n')
    .map(withoutComment)
    .filter((line) => line !== '');
}

function joined(text: string): string {
  return text.replaceAll(/\s*\\\n\s*/g, ' ');
}

function withoutComment(line: string): string {
  return line.replace(/(^|\s+)#\s.*$/, '').trim();
}

/** `limpet drain SERVER` is; `limpet drain` alone names one. */
function isWholeCommand(text: string): boolean {
  const [name = '', ...args] = commandsOf(text)[0] ?? [];
  if (name === 'limpet') return args[0] !== undefined && /^[a-z]/.test(args[0]) && flawOfLimpet(args) === '';
  return ['curl', 'promtool', 'ssh'].includes(name) && args.length > 0;
}

/** What is not as it is shown; '' for nothing. Numbers, ids and times may differ. */
export function flawOfOutput(shown: string, output: string): string {
  if (shown === '') return '';
  if (/^[{[]/.test(shown.trim())) return flawOfShape(shown, output);
  const lines = output.split('\n').map(shapeOf);
  const missing = shown.split('\n').find((line) => !lines.includes(shapeOf(line)));
  return missing === undefined ? '' : `prints no line such as: ${missing}\n${output}`;
}

/** JSON with the same fields; where `...` is shown there may be more. */
function flawOfShape(shown: string, output: string): string {
  const isOpen = /,\s*\.\.\./.test(shown);
  try {
    const flaws = differences(JSON.parse(shown.replaceAll(/,\s*\.\.\./g, '')), JSON.parse(output), '', isOpen);
    return flaws.length === 0 ? '' : `${flaws.join(', ')}\n${output}`;
  } catch (error) {
    return `${error}\n${output}`;
  }
}

function differences(shown: unknown, real: unknown, at: string, isOpen: boolean): string[] {
  // What there is not at the time is null.
  if (shown === null || real === null) return [];
  if (Array.isArray(shown) && Array.isArray(real))
    return shown.length === 0 ? [] : real.flatMap((one, i) => differences(shown[0], one, `${at}[${i}]`, isOpen));
  if (!isFields(shown) || !isFields(real)) {
    return typeof shown === typeof real && Array.isArray(shown) === Array.isArray(real)
      ? []
      : [`${at}: found ${JSON.stringify(real)}, shown is ${JSON.stringify(shown)}`];
  }
  const missing = Object.keys(shown).filter((name) => !(name in real));
  const unknown = isOpen ? [] : Object.keys(real).filter((name) => !(name in shown));
  return [
    ...missing.map((name) => `${at}.${name} is shown, and not there`),
    ...unknown.map((name) => `${at}.${name} is there, and not shown`),
    ...Object.keys(shown).flatMap((name) =>
      name in real ? differences(shown[name], real[name], `${at}.${name}`, isOpen) : [],
    ),
  ];
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
