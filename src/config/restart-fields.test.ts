import { expect, test } from 'vitest';
import type { Config } from './config.ts';
import { readConfig } from './read.ts';
import { keptTillRestart } from './restart-fields.ts';

function kept(before: Partial<Config>, after: Partial<Config>): string[] {
  const [former, latter] = [before, after].map((config) => {
    const whole = { listeners: [{ address: ':80' }], pools: { shop: { servers: [3001] } }, ...config };
    return readConfig(whole, { source: { name: 'x', locate: () => null }, env: {}, variables: false }).options;
  });
  if (former === undefined || latter === undefined) throw new Error('two configs');
  return keptTillRestart(former, latter);
}

const traced = { tracing: { export: { endpoint: 'http://127.0.0.1:4318' } } };

test.each([
  [{}, { requestId: {} }, []],
  [{}, { log: { level: 'debug' }, workers: 3 }, ['workers', 'log']],
  [{}, { tracing: { sample: 0.5 } }, []],
  [{}, traced, ['tracing.export']],
  [traced, { tracing: { ...traced.tracing, sample: 0.5 } }, []],
  [traced, { tracing: {} }, ['tracing.export']],
  [traced, {}, []],
] as const)('from %j to %j', (before, after, expected) => {
  expect(kept({ workers: 2, ...before }, { workers: 2, ...after })).toEqual(expected);
});
