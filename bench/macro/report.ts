/** From rounds to medians, ratios and tables. Pure: nothing here measures or writes. */
import type { Column, Kind } from './kinds.ts';
import type { Figure, Round } from './workload.ts';

export type Outcome =
  | { readonly state: 'measured'; readonly rounds: readonly Round[] }
  /** absent: cannot run here. wrong: answered wrongly, not timed. failed: errors under load. */
  | { readonly state: 'absent' | 'wrong' | 'failed'; readonly reason: string };

export interface Row {
  /** Its key for `--only`. */
  readonly key: string;
  readonly name: string;
  readonly outcome: Outcome;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Throws on an empty list: no figure is better than a made-up one. */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  if (low === undefined || high === undefined) throw new Error('no values to take a median of');
  return { median: (low + high) / 2, min: sorted[0]!, max: sorted.at(-1)! };
}

export function spreadOf(rounds: readonly Round[], figure: Figure): Spread {
  return spread(rounds.map((round) => round[figure] ?? Number.NaN));
}

/** The median of a row's figure, or null when it was not measured. */
export function medianOf(rows: readonly Row[], key: string, figure: Figure): number | null {
  const outcome = rows.find((row) => row.key === key)?.outcome;
  return outcome?.state === 'measured' ? spreadOf(outcome.rounds, figure).median : null;
}

/** Those that all others are compared with, where they take part. */
const against = [
  { key: 'haproxy', title: '/ HAProxy' },
  { key: 'nginx', title: '/ nginx' },
  { key: 'relay', title: '/ floor' },
  { key: 'http-proxy', title: '/ http-proxy' },
];

/** One line per rival; a rival without figures says why instead. */
export function tableOf({ headline, columns }: Kind, rows: readonly Row[]): string[][] {
  const others = against.flatMap(({ key, title }) => {
    const median = medianOf(rows, key, headline.figure);
    return median === null ? [] : [{ title, median }];
  });
  const before = rows.some(({ key }) => key.includes('@')) ? ['/ before'] : [];
  const ratioToBefore = (key: string, median: number): string => {
    const former = rows.find((row) => isKeyBefore(key, row.key));
    const figure = former === undefined ? null : medianOf(rows, former.key, headline.figure);
    return figure === null ? '' : (median / figure).toFixed(3);
  };
  const header = [
    'proxy',
    ...titles(headline),
    ...before,
    ...others.map(({ title }) => title),
    ...columns.flatMap(titles),
  ];
  const lines = rows.map(({ key, name, outcome }) => {
    if (outcome.state !== 'measured') return [name, `${outcome.state}: ${outcome.reason}`];
    const { median } = spreadOf(outcome.rounds, headline.figure);
    const ratios = others.map((other) => (median / other.median).toFixed(2));
    const cells = (column: Column) => cellsOf(column, outcome.rounds);
    return [
      name,
      ...cells(headline),
      ...before.map(() => ratioToBefore(key, median)),
      ...ratios,
      ...columns.flatMap(cells),
    ];
  });
  return [header, ...lines];
}

function titles({ title, spread }: Column): string[] {
  return spread ? [title, 'min-max'] : [title];
}

function cellsOf({ figure, unit = 1, digits, spread }: Column, rounds: readonly Round[]): string[] {
  const { median, min, max } = spreadOf(rounds, figure);
  const text = (value: number) => (value / unit).toFixed(digits);
  return spread ? [text(median), `${text(min)}-${text(max)}`] : [text(median)];
}

/** The key of a rival as it was at another commit. */
export function keyAt(key: string, commit: string): string {
  return `${key}@${commit}`;
}

function isKeyBefore(key: string, before: string): boolean {
  return before.startsWith(keyAt(key, ''));
}

/** Aligned columns for a terminal: the name to the left, numbers to the right, a reason as it is. */
export function renderText(table: readonly (readonly string[])[]): string {
  const header = table[0] ?? [];
  const whole = table.filter((cells) => cells.length === header.length);
  const widths = header.map((_, column) => Math.max(...whole.map((cells) => cells[column]!.length)));
  widths[0] = Math.max(...table.map((cells) => cells[0]!.length));
  const line = (cells: readonly string[]) =>
    cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)));
  return table.map((cells) => line(cells).join('  ').trimEnd()).join('\n');
}

export function renderMarkdown(table: readonly (readonly string[])[]): string {
  const [header = [], ...rows] = table;
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = header.map((_, column) => (column === 0 ? '---' : '---:'));
  const filled = rows.map((cells) => header.map((_, column) => (cells[column] ?? '').replaceAll('|', '\\|')));
  return [line(header), line(rule), ...filled.map(line)].join('\n');
}

/** The document with what stands between the markers replaced. Throws when it has no such pair. */
export function replaceSection(document: string, section: string): string {
  const [begin, end] = ['<!-- bench:begin -->', '<!-- bench:end -->'];
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`no ${begin} ... ${end} to write between`);
  return `${document.slice(0, from + begin.length)}\n${section.trim()}\n${document.slice(to)}`;
}
