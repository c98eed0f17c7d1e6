import { expect, test } from 'vitest';
import { MapStore } from '../../test/session/support/map-store.ts';
import { maxCookiesTried, readCookies } from './cookie.ts';
import type { IncomingRequest } from './exchange.ts';
import { fillOptions } from './filled-options.ts';
import { sessionIdShape } from './session-id.ts';
import { SharedSessions } from './shared/shared-sessions.ts';

const incoming = (cookie: string): IncomingRequest => ({
  header: (name) => (name === 'cookie' ? cookie : undefined),
  tls: false,
});

const ids = (count: number) => Array.from({ length: count }, (_, i) => i.toString(16).padStart(32, '0'));

test('the first values of the name that have the shape, and no more than are tried', () => {
  const cookies = ['other=x', 'sid=garbage', ...ids(3).map((id) => `sid=${id}`), 'sidx=y', ` sid = ${'f'.repeat(32)} `];
  expect(readCookies(incoming(cookies.join(';')), 'sid', sessionIdShape)).toEqual([...ids(3), 'f'.repeat(32)]);
  const many = `${'sid=x; '.repeat(50)}${ids(400)
    .map((id) => `sid=${id}`)
    .join('; ')}`;
  expect(readCookies(incoming(many), 'sid', sessionIdShape)).toEqual(ids(maxCookiesTried));
});

test('quotes around a value do not belong to it, and the attributes of RFC 2965 are no cookies', () => {
  const [one, two, three] = ids(3);
  const line = `$Version="1"; sid="${one}"; $Path="/"; sid=${two};$Domain="a"; sid = "${three}" ; $sid="x"; sid="${one}`;
  expect(readCookies(incoming(line), 'sid', sessionIdShape)).toEqual([one, two, three]);
});

test('a request full of ids asks the store no more often than one with a few', async () => {
  let asked = 0;
  const store = new MapStore();
  const read = store.read.bind(store);
  store.read = (key) => {
    asked++;
    return read(key);
  };
  const sessions = new SharedSessions(fillOptions({ strategy: 'shared', store }));
  await sessions.open(
    incoming(
      ids(400)
        .map((id) => `sid=${id}`)
        .join('; '),
    ),
    true,
  );
  expect(asked).toBe(maxCookiesTried);
});
