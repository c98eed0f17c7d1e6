/** A line chart over the page's own history, with its newest values as text below it. */
import { useEffect, useRef } from 'preact/hooks';
import UPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { SeriesName } from '../state/history.ts';
import { history, sampled } from '../state/store.ts';
import { isDark } from '../state/theme.ts';

export interface Line {
  readonly series: SeriesName;
  readonly name: string;
  /** A custom property of the design, without its dashes. */
  readonly colour: string;
  readonly isFilled?: boolean;
  readonly dash?: readonly number[];
}

interface ChartProps {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
  /** What stands there as long as there is no value. */
  readonly empty: string;
}

const height = 156;
/** Charts show the same time under the pointer. */
const sync = UPlot.sync('charts');
const axisFont = '11px Inter, ui-sans-serif, system-ui, sans-serif';

export function Chart({ title, lines, format, empty }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot | null>(null);
  const dark = isDark.value;

  useEffect(() => {
    const element = box.current!;
    const colour = (name: string) => resolve(element, name);
    const axis = {
      stroke: colour('muted'),
      font: axisFont,
      grid: { stroke: colour('line'), width: 1 },
      ticks: { show: false },
    };
    const names = lines.map(({ series }) => series);
    const made = new UPlot(
      {
        width: element.clientWidth || 320,
        height,
        legend: { show: false },
        cursor: { sync: { key: sync.key }, drag: { x: false, y: false }, points: { size: 6 } },
        scales: { y: { range: (_, __, most) => [0, Math.max(1, most * 1.12)] } },
        axes: [
          { ...axis, grid: { show: false }, size: 24, space: 72, values: (_, times) => times.map(clockText) },
          { ...axis, size: 48, space: 34, values: (_, values) => values.map((value) => format(value)) },
        ],
        series: [
          {},
          ...lines.map((line) => ({
            label: line.name,
            stroke: colour(line.colour),
            width: 1.6,
            ...(line.dash === undefined ? {} : { dash: [...line.dash] }),
            ...(line.isFilled ? { fill: colour(`${line.colour}-soft`) } : {}),
            points: { show: false },
          })),
        ],
        padding: [8, 8, 0, 0],
      },
      history.read(names) as UPlot.AlignedData,
      element,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    const unsubscribe = sampled.subscribe(() => made.setData(history.read(names) as UPlot.AlignedData));
    return () => {
      unsubscribe();
      observer.disconnect();
      made.destroy();
    };
  }, [dark]);

  void sampled.value;
  const values = lines.map((line) => ({ ...line, value: history.latest(line.series) }));
  const isEmpty = values.every(({ value }) => value === null);
  return (
    <figure class="card chart">
      <figcaption>
        <h3>{title}</h3>
        <ul class="chart-legend">
          {values.map(({ name, colour, value, dash }) => (
            <li key={name}>
              <i class={`swatch swatch-${colour}${dash === undefined ? '' : ' is-dashed'}`} /> {name}{' '}
              <b>{value === null ? '–' : format(value)}</b>
            </li>
          ))}
        </ul>
      </figcaption>
      <div class="chart-box" ref={box} aria-hidden="true" />
      {isEmpty && <p class="chart-empty">{empty}</p>}
    </figure>
  );
}

function resolve(within: HTMLElement, name: string): string {
  const probe = document.createElement('span');
  probe.hidden = true;
  probe.style.color = `var(--${name})`;
  within.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function clockText(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString('en-GB');
}
