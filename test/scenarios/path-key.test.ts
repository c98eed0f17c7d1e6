/** A key in the path, cut out by a regular expression with one group: a room's pages stay together. */
import { describe, expect, test } from 'vitest';
import { staysWhenServersAreAdded } from '../support/growth.ts';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, echoOf, together } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const affinity = [{ path: '^/rooms/([^/]+)' }];

describe.each(runtimes)('path key on %s', (runtime) => {
  test('a key stays where it is when a server is added', () =>
    staysWhenServersAreAdded(runtime, {
      affinity,
      request: (n, visit) => ({
        method: visit % 2 === 0 ? 'POST' : 'GET',
        path: [`/rooms/${n}`, `/rooms/${n}/members?page=${visit}`, `/rooms/${n}?tab=files`][visit % 3] ?? '',
      }),
    }));

  test('a repetition inside a repetition holds nobody up', async () => {
    await using origins = await together(['a', 'b'].map((name) => httpOrigin(name)));
    const config = { ...configFor(origins, { affinity: [{ path: '^/((?:\\w+\\.?)+)$' }] }), workers: 1 };
    await using limpet = await startLimpet(runtime, { config });
    const word = 'a'.repeat(64);
    // One worker, which the first request would keep for ever.
    for (const path of [`/${word}!`, `/${`${word}.`.repeat(100)}!`]) echoOf(await ask(limpet.url + path));
    const home = echoOf(await ask(`${limpet.url}/${word}`)).server;
    for (let i = 0; i < 5; i++) expect(echoOf(await ask(`${limpet.url}/${word}`)).server).toBe(home);
    expect((await limpet.counters()).keys_beyond_limit).toBe(0);
  });

  test('a path that does not match goes to any server', async () => {
    await using origins = await together(['a', 'b', 'c'].map((name) => httpOrigin(name)));
    const config = configFor(origins, { affinity, balance: 'round-robin' });
    await using limpet = await startLimpet(runtime, { config });
    // The pattern is for the path: what stands in a query is not one.
    for (const path of ['/', '/rooms/', '/my/rooms/7', '/?to=/rooms/7']) {
      const servers = new Set<string>();
      for (let i = 0; i < 6; i++) servers.add(echoOf(await ask(limpet.url + path)).server);
      expect([path, servers.size]).toEqual([path, 3]);
    }
  });
});
