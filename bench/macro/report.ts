/** From rounds to medians, ratios and tables. Pure: nothing here measures or writes. */

export interface Round {
  readonly requests: number;
  readonly requestsPerSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Microseconds of CPU time per request. */
  readonly user: number;
  readonly system: number;
  readonly total: number;
  /** Share of its core that the rival used: well under 1, and the load generator was the limit, not the rival. */
  readonly busy: number;
}

export type Outcome =
  | { readonly state: 'measured'; readonly rounds: readonly Round[]; readonly residentBytes: number }
  /** absent: cannot run here. wrong: answered wrongly, not timed. failed: errors under load. */
  | { readonly state: 'absent' | 'wrong' | 'failed'; readonly reason: string };

export interface Row {
  /** Its key for `--only`. */
  readonly key: string;
  readonly name: string;
  readonly version: string;
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

export function spreadOf(rounds: readonly Round[], field: keyof Round): Spread {
  return spread(rounds.map((round) => round[field]));
}

const header = [
  ['proxy', 'version'],
  ['CPU us/req', 'min-max', 'user', 'system'],
  ['/ HAProxy', '/ nginx', '/ floor'],
  ['req/s', 'min-max', 'core busy', 'p50 ms', 'p99 ms', 'RSS MB'],
].flat();

/** Columns from here on are numbers. */
const firstNumber = 2;

/** One line per rival; a rival without figures says why instead. */
export function tableOf(rows: readonly Row[]): string[][] {
  const against = ['haproxy', 'nginx', 'relay'].map((key) => totalOf(rows.find((row) => row.key === key)));
  return [header, ...rows.map((row) => cellsOf(row, against))];
}

function totalOf(row: Row | undefined): number | null {
  return row?.outcome.state === 'measured' ? spreadOf(row.outcome.rounds, 'total').median : null;
}

function cellsOf({ name, version, outcome }: Row, against: readonly (number | null)[]): string[] {
  if (outcome.state !== 'measured') return [name, version, `${outcome.state}: ${outcome.reason}`];
  const of = (field: keyof Round) => spreadOf(outcome.rounds, field);
  const total = of('total');
  const rate = of('requestsPerSecond');
  return [
    name,
    version,
    total.median.toFixed(1),
    `${total.min.toFixed(1)}-${total.max.toFixed(1)}`,
    of('user').median.toFixed(1),
    of('system').median.toFixed(1),
    ...against.map((other) => (other === null ? '-' : (total.median / other).toFixed(2))),
    rate.median.toFixed(0),
    `${rate.min.toFixed(0)}-${rate.max.toFixed(0)}`,
    `${(of('busy').median * 100).toFixed(0)} %`,
    of('p50').median.toFixed(2),
    of('p99').median.toFixed(2),
    (outcome.residentBytes / 1e6).toFixed(1),
  ];
}

/** Aligned columns for a terminal: text to the left, numbers to the right. */
export function renderText(table: readonly (readonly string[])[]): string {
  const widths = header.map((_, column) =>
    Math.max(...table.filter((cells) => cells.length === header.length).map((cells) => cells[column]!.length)),
  );
  for (const column of [0, 1]) widths[column] = Math.max(...table.map((cells) => cells[column]!.length));
  const line = (cells: readonly string[]) =>
    cells.map((cell, column) => (column < firstNumber ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)));
  return table.map((cells) => line(cells).join('  ').trimEnd()).join('\n');
}

export function renderMarkdown(table: readonly (readonly string[])[]): string {
  const [head = [], ...rows] = table;
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = header.map((_, column) => (column < firstNumber ? '---' : '---:'));
  const filled = rows.map((cells) => header.map((_, column) => (cells[column] ?? '').replaceAll('|', '\\|')));
  return [line(head), line(rule), ...filled.map(line)].join('\n');
}

/** The document with what stands between the markers replaced. Throws when it has no such pair. */
export function replaceSection(document: string, section: string): string {
  const [begin, end] = ['<!-- bench:begin -->', '<!-- bench:end -->'];
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`no ${begin} ... ${end} to write between`);
  return `${document.slice(0, from + begin.length)}\n${section.trim()}\n${document.slice(to)}`;
}
