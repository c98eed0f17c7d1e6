import { describe, expect, test } from 'vitest';
import { createLogger, type LoggerSettings } from './log.ts';

function lines(settings: Pick<LoggerSettings, 'format' | 'level'>): string[] {
  const written: string[] = [];
  const log = createLogger({ ...settings, write: (line) => written.push(line) });
  log.debug('d');
  log.info('i', { server: 's1', after: '2 failures', count: 3, error: new Error('broken\npipe'), none: undefined });
  log.warn('w');
  log.error('e');
  return written;
}

describe('text', () => {
  test('is for people: one line each', () => {
    expect(lines({ format: 'text', level: 'debug' })).toEqual([
      'limpet: debug: d\n',
      'limpet: i server=s1 after="2 failures" count=3 error="broken\\npipe" none=null\n',
      'limpet: warning: w\n',
      'limpet: error: e\n',
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
    { level: 30, name: 'limpet', msg: 'i', server: 's1', count: 3 },
    { msg: 'w' },
    { msg: 'e' },
  ]);
});
