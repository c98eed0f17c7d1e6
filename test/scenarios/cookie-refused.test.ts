/** Forged, garbled, foreign and outdated tokens are treated as absent: a new session, never an error. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, echoOf, parseSetCookie, readToken, together, Visitor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

/** The same bytes with one bit flipped. */
function flip(token: string, bit: number): string {
  const bytes = Buffer.from(token, 'base64url');
  bytes[bit >> 3]! ^= 1 << (bit & 7);
  return bytes.toString('base64url');
}

describe.each(runtimes)('tokens that are not believed on %s', (runtime) => {
  test('each kind of them', async () => {
    await using origins = await together(['a', 'b'].map((name) => httpOrigin(name)));
    const [a, b] = origins.map(({ name, address }) => ({ name, address }));
    const config = {
      pools: { app: { servers: [a, b] }, other: { servers: [a, b], affinity: [{ cookie: { name: 'other' } }] } },
      routes: [
        { match: { path: '/other' }, pool: 'other' },
        { match: { path: '/' }, pool: 'app' },
      ],
    };
    await using limpet = await startLimpet(runtime, { config });
    const visitor = new Visitor(limpet.url);
    await visitor.ask();
    const valid = visitor.cookies.get('limpet')!;
    const foreign = parseSetCookie((await ask(`${limpet.url}/other`)).setCookies[0]!).value;

    const bad: Record<string, string> = {
      empty: '',
      short: valid.slice(0, -1),
      long: `${valid}A`,
      'quoted at one end': `"${valid}`,
      padded: `${valid}==`,
      'another alphabet': valid.replace(/[-_]|./, '+'),
      'no token at all': 'a'.repeat(72),
      'of another pool': foreign,
      'very long': 'A'.repeat(6000),
    };
    // One bit of each field: format, key id, pool, server, session, epoch, born, seen, MAC.
    for (const bit of [0, 8, 20, 40, 100, 215, 250, 280, 310, 431]) bad[`bit ${bit} flipped`] = flip(valid, bit);

    for (const [kind, value] of Object.entries(bad)) {
      const reply = await ask(limpet.url, { headers: { cookie: `limpet=${value}` } });
      expect([kind, reply.status, reply.setCookies.length]).toEqual([kind, 200, 1]);
      const token = readToken(parseSetCookie(reply.setCookies[0]!).value);
      expect([kind, token.epoch]).toEqual([kind, 1]);
      expect([kind, token.session]).not.toEqual([kind, readToken(valid).session]);
    }
    expect((await visitor.ask()).setCookies).toEqual([]);
  });

  test('several of one name are tried in turn', async () => {
    await using origins = await together(['a', 'b', 'c'].map((name) => httpOrigin(name)));
    await using limpet = await startLimpet(runtime, { args: origins.map((origin) => origin.address) });
    const visitor = new Visitor(limpet.url);
    const home = echoOf(await visitor.ask()).server;
    const valid = `limpet=${visitor.cookies.get('limpet')}`;
    const forged = `limpet=${flip(visitor.cookies.get('limpet')!, 40)}`;
    for (const cookie of [
      `${forged}; ${valid}`,
      `${valid}; ${forged}`,
      `limpet=x; a=1; ${forged}; ${valid}; limpet=`,
    ]) {
      for (let i = 0; i < 3; i++) {
        const reply = await ask(limpet.url, { headers: { cookie } });
        expect([echoOf(reply).server, reply.setCookies]).toEqual([home, []]);
      }
    }
  });
});
