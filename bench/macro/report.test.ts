import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { requests } from './kinds.ts';
import { medianOf, type Row, renderMarkdown, renderText, replaceSection, spread, tableOf } from './report.ts';
import type { Round } from './workload.ts';

const round = (total: number): Round => ({
  perSecond: 1e6 / total,
  perCpuSecond: 1e6 / total,
  p50: 1,
  p99: 2,
  p999: 3,
  user: total / 4,
  system: (total * 3) / 4,
  total,
  busy: 0.98,
  resident: 12_340_000,
});

const measured = (key: string, ...totals: number[]): Row => ({
  key,
  name: key,
  outcome: { state: 'measured', rounds: totals.map(round) },
});

const absent: Row = {
  key: 'nginx',
  name: 'nginx',
  outcome: { state: 'absent', reason: 'no nginx | here' },
};

describe('spread', () => {
  test('odd and even counts, in any order', () => {
    expect(spread([9, 1, 5])).toEqual({ median: 5, min: 1, max: 9 });
    expect(spread([10, 4, 2, 100])).toEqual({ median: 7, min: 2, max: 100 });
  });

  test('as many values lie below the median as above it', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 1 }), (values) => {
        const { median, min, max } = spread(values);
        const below = values.filter((value) => value < median).length;
        const above = values.filter((value) => value > median).length;
        expect(Math.max(below, above)).toBeLessThanOrEqual(values.length / 2);
        expect(min).toBe(Math.min(...values));
        expect(max).toBe(Math.max(...values));
      }),
    );
  });

  test('refuses an empty list', () => {
    expect(() => spread([])).toThrow('no values');
  });
});

describe('tableOf', () => {
  const [header, ...rows] = tableOf(requests, [
    measured('relay', 20),
    measured('haproxy', 30, 50, 40),
    measured('limpet', 36),
    absent,
  ]);
  const cell = (row: number, column: string) => rows[row]![header!.indexOf(column)];

  test('ratios are against the medians of the same run', () => {
    expect(cell(2, '/ HAProxy')).toBe('0.90');
    expect(cell(2, '/ floor')).toBe('1.80');
    expect(cell(1, 'CPU us/req')).toBe('40.0');
    expect(cell(1, 'min-max')).toBe('30.0-50.0');
  });

  test('a Limpet is compared with itself at another commit', () => {
    const [head, now, before] = tableOf(requests, [measured('limpet-bun', 20), measured('limpet-bun@abc', 25)]);
    const cellOf = (row: readonly string[] | undefined) => row?.[head!.indexOf('/ before')];
    expect([cellOf(now), cellOf(before)]).toEqual(['0.800', '']);
    expect(header).not.toContain('/ before');
  });

  test('no ratio against a rival without figures', () => {
    expect(header).not.toContain('/ nginx');
    expect(header).not.toContain('/ http-proxy');
  });

  test('a rival without figures says why', () => {
    expect(rows[3]).toEqual(['nginx', 'absent: no nginx | here']);
  });
});

test('medianOf is null without figures', () => {
  const rows = [measured('relay', 20, 22, 90), absent];
  expect(medianOf(rows, 'relay', 'total')).toBe(22);
  expect(medianOf(rows, 'nginx', 'total')).toBeNull();
  expect(medianOf(rows, 'caddy', 'total')).toBeNull();
});

describe('rendering', () => {
  const table = tableOf(requests, [measured('relay', 20.04), measured('limpet-bun', 100), absent]);

  test('text columns end at the same place', () => {
    const [head, first, second] = renderText(table).split('\n');
    expect(first!.length).toBe(head!.length);
    expect(second!.length).toBe(head!.length);
    expect(head!.indexOf('CPU us/req') + 'CPU us/req'.length).toBe(first!.indexOf('20.0') + '20.0'.length);
  });

  test('every Markdown row has every column, and a bar in a reason is no column', () => {
    const lines = renderMarkdown(table).split('\n');
    const bars = lines.map((line) => line.match(/(?<!\\)\|/g)!.length);
    expect(new Set(bars)).toEqual(new Set([table[0]!.length + 1]));
    expect(lines).toHaveLength(5);
  });
});

describe('replaceSection', () => {
  const document = 'a\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nz\n';

  test('keeps what is around the markers, and can be repeated', () => {
    const once = replaceSection(document, '\nnew\n');
    expect(once).toBe('a\n<!-- bench:begin -->\nnew\n<!-- bench:end -->\nz\n');
    expect(replaceSection(once, 'new')).toBe(once);
  });

  test('refuses a document without them', () => {
    expect(() => replaceSection('<!-- bench:end --> <!-- bench:begin -->', 'new')).toThrow('no <!-- bench:begin -->');
  });
});
