import { describe, expect, test } from 'vitest';
import { createLogger, type LoggerSettings } from './log.ts';

const time = '2026-03-01T12:00:00.000Z';

function lines(settings: Pick<LoggerSettings, 'format' | 'level'>): string[] {
  const written: string[] = [];
  const log = createLogger({
    ...settings,
    clock: { wall: () => Date.UTC(2026, 2, 1, 12) },
    write: (line) => written.push(line),
  });
  log.debug('d');
  log.info('i', { server: 's1', after: '2 failures', count: 3, error: new Error('broken\npipe'), none: undefined });
  log.warn('w');
  log.error('e\n    at x');
  return written;
}

describe('text', () => {
  test('is for people: one line each', () => {
    expect(lines({ format: 'text', level: 'debug' })).toEqual([
      `${time} debug limpet: d\n`,
      `${time} info limpet: i server=s1 after="2 failures" count=3 error="broken\\npipe" none=null\n`,
      `${time} warn limpet: w\n`,
      `${time} error limpet: e\n${time} error limpet:     at x\n`,
    ]);
  });

  test.each([
    ['info', 3],
    ['warn', 2],
    ['error', 1],
  ] as const)('from %s on', (level, count) => expect(lines({ format: 'text', level })).toHaveLength(count));
});

test('JSON is for machines', () => {
  const written = lines({ format: 'json', level: 'info' }).map((line): unknown => JSON.parse(line));
  expect(written).toMatchObject([
    { level: 'info', time, name: 'limpet', msg: 'i', server: 's1', count: 3 },
    { level: 'warn', time, msg: 'w' },
    { level: 'error', time, msg: 'e\n    at x' },
  ]);
});
