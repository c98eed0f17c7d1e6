/**
 * Metrics as Prometheus reads them: families of samples, written as text (0.0.4) or as OpenMetrics (1.0.0). A fleet of 10,000 servers
 * has 240,000 lines: the labels of a server are written once, by whoever knows them, and a line is then one concatenation.
 */
import { setImmediate } from 'node:timers/promises';
import { type Distribution, publishedBounds } from './histogram.ts';

/** `pool="shop",server="s1"`: what `labelText` gives. */
export type LabelText = string;

export interface Sample {
  /** After the name of the family: '', or `_bucket`, `_sum`, `_count`. */
  readonly suffix: string;
  readonly labels: LabelText;
  /** More of them, such as `,class="2xx"`; '': none. Apart, because a text that exists is cheaper than one that is put together. */
  readonly more: string;
  readonly value: number;
}

export interface Family {
  /** Of a counter: with `_total`. */
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly samples: readonly Sample[];
}

export interface Exposition {
  readonly contentType: string;
  readonly body: string;
}

const textType = 'text/plain; version=0.0.4; charset=utf-8';
const openMetricsType = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/** Lines that are written in one turn of the event loop: some milliseconds. */
const slice = 4000;

/**
 * Writes them in the format that the Accept header of a scrape prefers. A family without a sample is left out. The event loop turns
 * now and then: a large scrape does not stop what else runs on the thread.
 */
export async function expose(families: Iterable<Family>, accept: string): Promise<Exposition> {
  const isOpenMetrics = prefersOpenMetrics(accept);
  const parts: string[] = [];
  let lines = 0;
  for (const { name, type, help, samples } of families) {
    if (samples.length === 0) continue;
    // OpenMetrics names a family of counters without the suffix, and its samples with it.
    const family = isOpenMetrics && type === 'counter' ? name.replace(/_total$/, '') : name;
    parts.push(`# HELP ${family} ${escapeHelp(help, isOpenMetrics)}\n# TYPE ${family} ${type}\n`);
    for (let from = 0; from < samples.length; from += slice) {
      const some = samples.slice(from, from + slice);
      parts.push(written(name, some));
      lines += some.length;
      if (lines < slice) continue;
      lines = 0;
      await setImmediate();
    }
  }
  if (isOpenMetrics) parts.push('# EOF\n');
  return { contentType: isOpenMetrics ? openMetricsType : textType, body: parts.join('') };
}

/** Joins pieces that exist already: to concatenate them line by line costs three times as much. */
function written(name: string, samples: readonly Sample[]): string {
  const pieces: (string | number)[] = [];
  for (const { suffix, labels, more, value } of samples) {
    if (labels === '') pieces.push(name, suffix, ' ', value, '\n');
    else pieces.push(name, suffix, '{', labels, more, '} ', value, '\n');
  }
  return pieces.join('');
}

/** Values are names of the config, which may hold anything. */
export function labelText(labels: Readonly<Record<string, string>>): LabelText {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeHelp(value, true)}"`)
    .join(',');
}

/** Text leaves the quotes of a help as they are. */
function escapeHelp(text: string, quotes: boolean): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return quotes ? escaped.replaceAll('"', '\\"') : escaped;
}

/** Whether OpenMetrics is wanted at least as much as text (RFC 9110 section 12.5.1). A client that asks for neither gets text. */
function prefersOpenMetrics(accept: string): boolean {
  let text = 0;
  let openMetrics = 0;
  for (const range of accept.toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    const weight = Number(parameters.find((one) => one.startsWith('q='))?.slice(2) ?? 1);
    if (type === 'application/openmetrics-text') openMetrics = Math.max(openMetrics, weight);
    else if (type === 'text/plain') text = Math.max(text, weight);
  }
  return openMetrics > 0 && openMetrics >= text;
}

/** A float, as OpenMetrics has it: `1.0`, not `1`. */
const bounds = publishedBounds.map((bound) => `,le="${Number.isInteger(bound) ? bound.toFixed(1) : bound}"`);
const infinity = ',le="+Inf"';

/** Adds the samples of a histogram, with the buckets that the distribution has. */
export function addSamples(
  samples: Sample[],
  labels: LabelText,
  { count, sumSeconds, cumulative }: Distribution,
): void {
  for (const [i, value] of cumulative.entries()) {
    samples.push({ suffix: '_bucket', labels, more: bounds[i] ?? '', value });
  }
  samples.push({ suffix: '_bucket', labels, more: infinity, value: count });
  samples.push({ suffix: '_sum', labels, more: '', value: sumSeconds });
  samples.push({ suffix: '_count', labels, more: '', value: count });
}

export function sample(labels: LabelText, value: number, more = ''): Sample {
  return { suffix: '', labels, more, value };
}
