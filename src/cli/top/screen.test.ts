/** The screen of limpet top, and what its keys do. */
import { expect, test } from 'vitest';
import { TopModel, type TopServer, type TopStatus } from './model.ts';
import { coloured, drawScreen, plain } from './screen.ts';

const now = Date.parse('2026-11-29T12:00:00Z');

const status = (counters: Record<string, number> = {}): TopStatus => ({
  version: '0.1.0',
  runtime: 'bun 1.4.5',
  startedAt: '2026-11-29T10:55:00Z',
  workers: [1, 2],
  store: { kind: 'redis' },
  counters,
  sessions: { live: 300, copied: 290, uncopied: 10 },
});

function server(name: string, change: Partial<TopServer> = {}): TopServer {
  return {
    pool: 'shop',
    name,
    address: '10.0.0.1:3000',
    state: 'up',
    drained: false,
    weight: 1,
    inflight: 2,
    streams: 0,
    tunnels: 0,
    sessions: { live: 100, copied: 95, uncopied: 5 },
    since: null,
    reason: null,
    ...change,
  };
}

const size = { columns: 130, rows: 16 };
const servers = [server('s10'), server('s2', { inflight: 9 }), server('s1')];

function open(): TopModel {
  const model = new TopModel();
  model.update(status({ requests: 100 }), servers, now);
  return model;
}

const draw = (model: TopModel, at = size) => drawScreen(model, at, now, plain);
const names = (model: TopModel) => model.shown().map(({ name }) => name);

test('as many lines as the terminal has, none too long, at every size', () => {
  const model = open();
  for (const columns of [20, 40, 80, 200]) {
    for (const rows of [12, 24, 60]) {
      const lines = draw(model, { columns, rows });
      expect(lines).toHaveLength(rows);
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
    }
  }
  expect(draw(model)[0]).toMatch(
    /^limpet 0\.1\.0 {2}bun 1\.4\.5 {2}2 workers {2}up 1 h 5 min {2}store redis +\d\d:\d\d:\d\d$/,
  );
  expect(draw(model)[1]).toBe('300 sessions, 97% copied');
  expect(draw(model)[4]?.trimEnd()).toMatch(/^> shop\/s1 +up +100 +5 +2 +█+░? +0 +0 +1 +10\.0\.0\.1:3000$/);
  expect(drawScreen(model, size, now, coloured).join('')).toContain('\x1b[');
});

test('rates, and a line for each server that changes', () => {
  const model = open();
  model.update(
    status({ requests: 300, rebinds: 7 }),
    [server('s1', { state: 'down', reason: 'refused' }), server('s3')],
    now + 2_000,
  );
  expect(draw(model)[1]).toContain('100 requests/s   0 errors/s   0 moved/s   3.5 rescued/s');
  expect(model.messages.map((line) => line.slice(10))).toEqual([
    'shop/s1 is down: refused',
    'shop/s3 was added',
    'shop/s10 was removed',
    'shop/s2 was removed',
  ]);
});

test('keys select, sort and filter', () => {
  const model = open();
  expect(names(model)).toEqual(['s1', 's2', 's10']);
  model.press('down', '', 5);
  expect(model.selection(model.shown())).toBe(1);
  // The selected server stays selected in another order.
  model.press('s', 's', 5);
  model.press('s', 's', 5);
  expect([model.sort, ...names(model)]).toEqual(['in flight', 's2', 's1', 's10']);
  expect(model.selection(model.shown())).toBe(0);
  for (const [name, text] of [
    ['/', '/'],
    ['s', 's'],
    ['1', '1'],
    ['q', 'q'],
    ['backspace', ''],
  ] as const) {
    expect(model.press(name, text, 5)).toBeNull();
  }
  expect([model.filter, ...names(model)]).toEqual(['s1', 's1', 's10']);
  model.press('return', '', 5);
  model.press('end', '', 5);
  expect(model.selection(model.shown())).toBe(1);
  model.press('escape', '', 5);
  expect(names(model)).toHaveLength(3);
  expect(model.press('q', 'q', 5)).toEqual({ kind: 'quit' });
});

test('nothing changes without a yes', () => {
  const model = open();
  expect(model.press('d', 'd', 5)).toBeNull();
  expect(draw(model).at(-1)).toContain('drain shop/s1? 95 sessions can move, 5 have no copy and stay');
  expect(model.press('return', '\r', 5)).toBeNull();
  expect(model.question).toBeNull();
  model.press('r', 'r', 5);
  expect(model.press('y', 'y', 5)).toMatchObject({ kind: 'change', action: 'ready', server: { name: 's1' } });
});

test('a thousand servers scroll, and a name cannot write to the terminal', () => {
  const model = new TopModel();
  const many = Array.from({ length: 1_000 }, (_, i) => server(`s${i}`));
  model.update(status(), [...many, server('\x1b[2Jx')], now);
  for (let i = 0; i < 60; i++) model.press('down', '', 5);
  expect(draw(model).filter((line) => line.startsWith('>'))).toHaveLength(1);
  model.press('home', '', 5);
  expect(draw(model).join('')).not.toContain('\x1b');
});
