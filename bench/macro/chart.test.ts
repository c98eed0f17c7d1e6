import { describe, expect, test } from 'vitest';
import { chartOf } from './chart.ts';
import { requests } from './kinds.ts';
import type { Row } from './report.ts';

const measured = (key: string, total: number): Row => ({
  key,
  name: key,
  outcome: { state: 'measured', rounds: [{ total }] },
});

const absent: Row = { key: 'caddy', name: 'caddy', outcome: { state: 'absent', reason: 'not here' } };

describe('chartOf', () => {
  const rows = [
    measured('relay', 20),
    measured('haproxy', 25),
    measured('limpet-bun', 50),
    measured('slow', 400),
    absent,
  ];
  const result = { workload: 'get', title: 'GET & <more>', kind: requests, rows };
  const chart = chartOf([result, { ...result, rows: [absent] }]);

  test('has a bar for each rival with figures, and no panel without one', () => {
    expect(chart.match(/<path/g)).toHaveLength(4);
    expect(chart.match(/<g /g)).toHaveLength(1);
    expect(chart).toContain('class="limpet"');
  });

  test('a very long bar is cut, and its value is still told', () => {
    expect(chart).toContain('>400.0<');
    expect(chart.match(/l-7/g)).toHaveLength(1);
  });

  test('titles are text, not markup', () => {
    expect(chart).toContain('GET &amp; &lt;more>');
  });
});
