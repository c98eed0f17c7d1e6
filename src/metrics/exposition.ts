/**
 * Metrics as Prometheus reads them: families of samples, written as text (0.0.4) or as OpenMetrics (1.0.0). A fleet of 10,000 servers
 * has 150,000 lines: the labels of a server are put together once, samples are made when they are written, and bytes are written at once.
 */
import { setImmediate } from 'node:timers/promises';
import { ByteText } from './byte-text.ts';
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
  /** Read once. */
  readonly samples: Iterable<Sample>;
}

export interface Exposition {
  readonly contentType: string;
  /** UTF-8. */
  readonly body: Uint8Array<ArrayBuffer>;
}

const textType = 'text/plain; version=0.0.4; charset=utf-8';
const openMetricsType = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/** Lines that are written in one turn of the event loop: a millisecond or so. */
const slice = 2000;

/**
 * Writes them in the format that the Accept header of a scrape prefers. A family without a sample is left out. The event loop turns
 * now and then: a large scrape does not stop what else runs on the thread.
 */
export async function expose(families: Iterable<Family>, accept: string): Promise<Exposition> {
  const isOpenMetrics = prefersOpenMetrics(accept);
  const out = new ByteText();
  let lines = 0;
  for (const { name, type, help, samples } of families) {
    let hasHead = false;
    for (const { suffix, labels, more, value } of samples) {
      if (!hasHead) {
        hasHead = true;
        // OpenMetrics names a family of counters without the suffix, and its samples with it.
        const family = isOpenMetrics && type === 'counter' ? name.replace(/_total$/, '') : name;
        out.text(`# HELP ${family} ${escapeHelp(help, isOpenMetrics)}\n# TYPE ${family} ${type}\n`);
      }
      out.text(name);
      out.text(suffix);
      if (labels !== '') {
        out.text('{');
        out.text(labels);
        out.text(more);
        out.text('}');
      }
      out.text(' ');
      out.number(value);
      out.text('\n');
      if (++lines % slice === 0) await setImmediate();
    }
  }
  if (isOpenMetrics) out.text('# EOF\n');
  return { contentType: isOpenMetrics ? openMetricsType : textType, body: out.bytes() };
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

/** The samples of a histogram, with the buckets that the distribution has. */
export function* samplesOf(labels: LabelText, { count, sumSeconds, cumulative }: Distribution): Generator<Sample> {
  for (const [i, value] of cumulative.entries()) yield { suffix: '_bucket', labels, more: bounds[i] ?? '', value };
  yield { suffix: '_bucket', labels, more: infinity, value: count };
  yield { suffix: '_sum', labels, more: '', value: sumSeconds };
  yield { suffix: '_count', labels, more: '', value: count };
}

export function sample(labels: LabelText, value: number, more = ''): Sample {
  return { suffix: '', labels, more, value };
}
