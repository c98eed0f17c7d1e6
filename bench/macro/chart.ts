/** The result as an SVG: a panel for each workload, a bar for each rival, by the figure that its table compares. */
import type { Result } from './document.ts';
import { medianOf } from './report.ts';

/*
 * +-- panel ---------------------------+  +-- panel --------
 * | title                              |  |
 * | unit                               |  |
 * | name         |=========      value |  |   two panels a row
 * | name         |===============> ... |  |   (>: cut off, it would squash the others)
 */
const panelWidth = 512;
const labelWidth = 220;
const valueWidth = 62;
const barWidth = panelWidth - labelWidth - valueWidth - 20;
const headHeight = 40;
const rowHeight = 18;
const gap = 18;

const caption = 'What each proxy costs, by workload';

/** A bar ends at so many times the median of all bars. */
const cutAt = 3;

const style = `
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600 } .unit { font-size: 10px; fill: #6e7781 } .label { text-anchor: end }
.bar { fill: #b6bfc9 } .floor { fill: #dde2e7 } .limpet { fill: #1a7f6b }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .unit { fill: #8d96a0 } .bar { fill: #57606a } .floor { fill: #32383f } .limpet { fill: #3fb59b }
}`;

interface Bar {
  readonly key: string;
  readonly name: string;
  readonly value: number;
}

function barsOf({ rows, kind: { headline } }: Result): Bar[] {
  return rows.flatMap(({ key, name }) => {
    const median = medianOf(rows, key, headline.figure);
    return median === null ? [] : [{ key, name, value: median / (headline.unit ?? 1) }];
  });
}

export function chartOf(results: readonly Result[]): string {
  const panels = results.map((result) => ({ result, bars: barsOf(result) })).filter(({ bars }) => bars.length > 0);
  const most = Math.max(0, ...panels.map(({ bars }) => bars.length));
  const panelHeight = headHeight + most * rowHeight + gap;
  const drawn = panels.map(({ result, bars }, index) => {
    const [x, y] = [(index % 2) * panelWidth, Math.floor(index / 2) * panelHeight];
    return `<g transform="translate(${x} ${y})">\n${panelOf(result, bars)}\n</g>`;
  });
  const [width, height] = [2 * panelWidth, Math.ceil(panels.length / 2) * panelHeight];
  const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" aria-label="${caption}">
<title>${caption}</title>
<style>${style}
</style>
${drawn.join('\n')}
</svg>
`;
}

function panelOf({ title, kind: { headline } }: Result, bars: readonly Bar[]): string {
  const sorted = bars.map(({ value }) => value).sort((a, b) => a - b);
  const full = Math.min(sorted.at(-1)!, cutAt * sorted[sorted.length >> 1]!);
  const rows = bars.map(({ key, name, value }, index) => {
    const y = headHeight + index * rowHeight;
    const cut = value > full;
    const length = Math.max(1, Math.round((Math.min(value, full) / full) * barWidth));
    const kind = key === 'relay' ? 'floor' : key.startsWith('limpet') ? 'limpet' : 'bar';
    const tip = cut ? `l7 ${(rowHeight - 4) / 2}l-7 ${(rowHeight - 4) / 2}` : `v${rowHeight - 4}`;
    return `<text class="label" x="${labelWidth}" y="${y + 11}">${asText(name)}</text>
<path class="${kind}" d="M${labelWidth + 8} ${y}h${length}${tip}h-${length}z"/>
<text x="${labelWidth + length + 18}" y="${y + 11}">${value.toFixed(headline.digits)}</text>`;
  });
  return `<text class="title" x="8" y="14">${asText(title)}</text>
<text class="unit" x="8" y="29">${asText(headline.title)}, lower is better</text>
${rows.join('\n')}`;
}

function asText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
