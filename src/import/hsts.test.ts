import { expect, test } from 'vitest';
import { hstsOf } from './hsts.ts';

test.each([
  ['max-age=31536000', '1y'],
  ['max-age="63072000"; includeSubDomains; preload', { maxAge: '2y', includeSubdomains: true, preload: true }],
  ['max-age=86400; includeSubDomains; preload', { maxAge: '1d', includeSubdomains: true }],
  ['max-age=15768000', '182d'],
  ['max-age=3661', '1h1m1s'],
  ['max-age=0', '0s'],
  ['Max-Age=9999999999', '100y'],
  ['includeSubDomains', null],
  ['max-age=$age', null],
])('%s is %j', (value, hsts) => expect(hstsOf('Strict-Transport-Security', value)).toEqual(hsts));

test('of another header it is none', () => expect(hstsOf('X-Frame-Options', 'max-age=1')).toBeNull());
