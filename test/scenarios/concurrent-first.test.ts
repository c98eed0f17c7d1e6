/** A key that nobody has seen comes in twenty first requests at once, to two workers: all reach one server. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { type HttpOrigin, httpOrigin } from '../support/origin.ts';
import { type AskOptions, ask, configFor, echoOf, together } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

interface Place {
  readonly affinity: readonly unknown[];
  request(key: string): { readonly path: string; readonly options: AskOptions };
}

const places: readonly (readonly [string, Place])[] = [
  [
    'cookie of the app',
    {
      affinity: [{ learn: 'SID' }],
      request: (key) => ({ path: '/', options: { headers: { cookie: `theme=dark; SID=${key}` } } }),
    },
  ],
  [
    'header',
    { affinity: [{ header: 'X-Room' }], request: (key) => ({ path: '/', options: { headers: { 'x-room': key } } }) },
  ],
  ['query', { affinity: [{ query: 'room' }], request: (key) => ({ path: `/?lang=en&room=${key}`, options: {} }) }],
];

const keys = Array.from({ length: 50 }, (_, i) => `key-${i}-${'x'.repeat(i)}`);

const atOnce = 20;

/** Answers a key when all of its first requests have come, at whichever server: while one works, the others have to be placed too. */
function originsThatWait(names: readonly string[]): Promise<HttpOrigin[] & AsyncDisposable> {
  const waiting = new Map<string, (() => void)[]>();
  return together(
    names.map((name) =>
      httpOrigin(name, (request, response) => {
        const key =
          /key-\d+-x*/.exec(`${request.url} ${request.headers.cookie} ${request.headers['x-room']}`)?.[0] ?? '';
        const all = waiting.get(key) ?? [];
        waiting.set(key, all);
        all.push(() => response.end(JSON.stringify({ server: name })));
        if (all.length === atOnce) for (const answer of all) answer();
        else if (all.length > atOnce) all.at(-1)?.();
      }),
    ),
  );
}

describe.each(runtimes)('concurrent first requests on %s', (runtime) => {
  test.each(places)('one key in a %s, one server', async (_, { affinity, request }) => {
    await using origins = await originsThatWait(['a', 'b', 'c', 'd']);
    // Its turn is the next server each time: a key that is placed twice is placed apart.
    const config = { ...configFor(origins, { affinity, balance: 'round-robin' }), workers: 2 };
    await using limpet = await startLimpet(runtime, { config });
    const send = async (key: string) => {
      const { path, options } = request(key);
      return echoOf(await ask(limpet.url + path, options)).server;
    };
    const homes = new Map<string, string>();
    for (let at = 0; at < keys.length; at += 10) {
      await Promise.all(
        keys.slice(at, at + 10).map(async (key) => {
          const servers = await Promise.all(Array.from({ length: atOnce }, () => send(key)));
          expect([key, ...new Set(servers)]).toEqual([key, servers[0]]);
          homes.set(key, servers[0] ?? '');
        }),
      );
    }
    expect(new Set(homes.values()).size).toBe(4);
    // And there they stay.
    const later = await Promise.all(keys.map(send));
    expect(later).toEqual(keys.map((key) => homes.get(key)));
    expect(origins.reduce((sum, origin) => sum + origin.requests(), 0)).toBe(keys.length * 21);
    const sessions = await limpet.sessions();
    for (const { name } of origins)
      expect(sessions[`app/${name}`]).toBe([...homes.values()].filter((home) => home === name).length);
  });
});
