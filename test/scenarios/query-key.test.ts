/** A key in the query that the client gives: its requests stay together, also when servers are added. */
import { describe, expect, test } from 'vitest';
import { staysWhenServersAreAdded } from '../support/growth.ts';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, echoOf, together } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const affinity = [{ query: 'room' }];

describe.each(runtimes)('query key on %s', (runtime) => {
  test('a key stays where it is when a server is added', () =>
    staysWhenServersAreAdded(runtime, {
      affinity,
      request: (n, visit) => ({ path: visit % 2 === 0 ? `/chat?room=r${n}` : `/state?since=${visit}&room=r${n}&x` }),
    }));

  test('only the whole name counts, and a request without it is bound to nothing', async () => {
    await using origins = await together(['a', 'b', 'c'].map((name) => httpOrigin(name)));
    const config = configFor(origins, { affinity, balance: 'round-robin' });
    await using limpet = await startLimpet(runtime, { config });
    for (const path of ['/', '/?bathroom=7', '/?rooms=7', '/?x=room=7', '/room=7', '/?room=']) {
      const servers = new Set<string>();
      for (let i = 0; i < 6; i++) servers.add(echoOf(await ask(limpet.url + path)).server);
      expect([path, servers.size]).toEqual([path, 3]);
    }
    expect(Object.values(await limpet.sessions()).every((count) => count === 0)).toBe(true);
  });
});
