import { expect, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import { formatShortage, ShortageLimiter } from './shortage-limiter.ts';

test('a flood of one shortage is one line in ten seconds, and another one is reported at once', () => {
  const time = new HandTime();
  const lines: string[] = [];
  const shortages = new ShortageLimiter(time, (...of) => lines.push(formatShortage(...of)));
  for (let i = 0; i < 1000; i++) shortages.report('connect', 'no ports', '10.0.0.1:80');
  expect(lines).toEqual([
    'no connection to 10.0.0.1:80: no ports. No server is to blame; counted in shortages_connect',
  ]);
  shortages.report('accept', 'no descriptors', ':8080');
  expect(lines).toHaveLength(2);
  time.advance(9_999);
  shortages.report('connect', 'no ports', '10.0.0.1:80');
  expect(lines).toHaveLength(2);
  time.advance(1);
  shortages.report('connect', 'no ports', '10.0.0.2:80');
  expect(lines).toHaveLength(3);
});
