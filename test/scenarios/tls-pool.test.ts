/** A pool with `tls`: its servers are asked over TLS alone, and what is wrong with their certificates or protocols is named. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type Issued, selfSigned, TestAuthority } from '../support/certificates.ts';
import { h2Origin } from '../support/h2-origin.ts';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin, type Origin } from '../support/origin.ts';
import { ask, configFor, listen, together, until, Visitor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const authority = new TestAuthority();
const good = authority.issue(['app.test']);
const folder = mkdtempSync(join(tmpdir(), 'limpet-tls-pool-'));
const ca = join(folder, 'ca.pem');
writeFileSync(ca, authority.cert);
afterAll(() => rmSync(folder, { recursive: true }));

const trusted = { sni: 'app.test', ca };
const once = { affinity: 'none', retry: { attempts: 1 }, health: { passive: false } };

interface SecureOrigin extends Origin {
  /** Requests so far, health checks too. */
  readonly requests: () => number;
}

/** Answers with its name over HTTP/1.1, and `isWell` decides what health checks get. */
async function secureOrigin(name: string, issued: Issued, isWell = () => true): Promise<SecureOrigin> {
  let requests = 0;
  const server = createServer({ cert: issued.cert, key: issued.key }, (request, response) => {
    requests++;
    response.writeHead(request.url === '/healthz' && !isWell() ? 503 : 200).end(name);
  });
  const origin = await listen(name, server);
  return { ...origin, requests: () => requests };
}

const byProtocol = {
  h1: (name: string, issued: Issued): Promise<Origin> => secureOrigin(name, issued),
  h2: (name: string, { cert, key }: Issued): Promise<Origin> => h2Origin(name, undefined, { tls: { cert, key } }),
};

describe.each(runtimes)('a pool with tls on %s', (runtime) => {
  describe.each(['h1', 'h2'] as const)('of %s', (protocol) => {
    test('serves, and each session stays with its server', async () => {
      await using servers = await together(['a', 'b', 'c'].map((name) => byProtocol[protocol](name, good)));
      const pool = { balance: 'round-robin', protocol, tls: trusted };
      await using limpet = await startLimpet(runtime, { config: configFor(servers, pool) });
      const homes = new Set<string>();
      for (let i = 0; i < 6; i++) {
        const visitor = new Visitor(limpet.url);
        const home = (await visitor.ask('/')).body;
        homes.add(home);
        const again = await Promise.all(Array.from({ length: 5 }, () => visitor.ask('/')));
        expect(again.map(({ body }) => body)).toEqual([home, home, home, home, home]);
      }
      expect(homes.size).toBeGreaterThan(1);
    });

    test.each([
      ['for another name', () => authority.issue(['other.test']), /app\.test|[Hh]ostname|altname/],
      [
        'that its own key has signed',
        () => selfSigned(['app.test']),
        /self.signed|unable to verify the first certificate/,
      ],
      [
        'that has expired',
        () => authority.issue(['app.test'], { from: -2 * 86_400_000, until: -86_400_000 }),
        /expired/,
      ],
    ])('refuses a certificate %s, with its reason, and asks nothing in plain text', async (_, issue, why) => {
      await using origin = await byProtocol[protocol]('a', issue());
      const config = configFor([origin], { ...once, protocol, tls: trusted });
      await using limpet = await startLimpet(runtime, { config });
      const { status, headers } = await ask(limpet.url);
      expect([status, headers['limpet-reason']]).toEqual([502, 'server-certificate']);
      const log = /no encrypted connection to server app\/a: [^\n]*/;
      await until('the log names it', () => log.test(limpet.stderr()));
      expect(log.exec(limpet.stderr())?.[0]).toMatch(why);
      expect(await limpet.counters()).toMatchObject({ requests_refused_server_certificate: 1 });
    });

    test('takes any certificate with `verify: false`', async () => {
      await using origin = await byProtocol[protocol]('a', selfSigned(['other.test']));
      const config = configFor([origin], { ...once, protocol, tls: { verify: false } });
      await using limpet = await startLimpet(runtime, { config });
      const { status, body } = await ask(limpet.url);
      expect([status, body]).toEqual([200, 'a']);
    });
  });

  test('never asks a server without TLS in plain text', async () => {
    await using origin = await httpOrigin('a');
    const config = configFor([origin], { ...once, tls: trusted });
    await using limpet = await startLimpet(runtime, { config });
    const { status, headers } = await ask(limpet.url);
    expect(status).toBeGreaterThanOrEqual(502);
    expect(['tls-failed', 'connect-refused']).toContain(headers['limpet-reason']);
    expect(origin.requests()).toBe(0);
  });

  test('of HTTP/2 is not served by a server that does not agree on it by ALPN', async () => {
    await using origin = await secureOrigin('a', good);
    const config = configFor([origin], { ...once, protocol: 'h2', tls: trusted });
    await using limpet = await startLimpet(runtime, { config });
    const { status, headers } = await ask(limpet.url);
    expect([status, headers['limpet-reason']]).toEqual([502, 'server-protocol']);
    await until('the log names it', () => limpet.stderr().includes('no encrypted connection to server app/a'));
    expect(origin.requests()).toBe(0);
  });
});

describe.each(runtimes)('health checks over TLS on %s', (runtime) => {
  const health = { path: '/healthz', interval: '100ms', timeout: '2s', fall: 2, rise: 1, panicThreshold: 0 };

  test('are made over TLS, and tell a server that is ill from one that is well', { timeout: 60_000 }, async () => {
    let isWell = true;
    await using a = await secureOrigin('a', good, () => isWell);
    await using b = await secureOrigin('b', good);
    const pool = { affinity: 'none', balance: 'round-robin', tls: trusted, health };
    await using limpet = await startLimpet(runtime, { config: { ...configFor([a, b], pool), workers: 1 } });
    const names = async () =>
      new Set((await Promise.all([1, 2, 3, 4].map(() => ask(limpet.url)))).map(({ body }) => body));
    await until('both are checked', () => a.requests() > 0 && b.requests() > 0);
    expect(await names()).toEqual(new Set(['a', 'b']));
    isWell = false;
    await until('a is out', () => limpet.stderr().includes('server app/a is out: status 503'));
    await until('only b serves', async () => (await names()).size === 1);
    isWell = true;
    await until('a is back', async () => (await names()).size === 2);
  });

  test.each(['h1', 'h2'] as const)(
    'of %s go by the certificates of the start, of files that are replaced, and of a reload',
    { timeout: 60_000 },
    async (protocol) => {
      const stranger = new TestAuthority('Another Authority');
      const file = join(folder, `changing-${runtime}-${protocol}.pem`);
      const trust = (cert: string) => {
        writeFileSync(`${file}.new`, cert);
        renameSync(`${file}.new`, file);
      };
      trust(authority.cert);
      await using origin = await byProtocol[protocol]('a', stranger.issue(['app.test']));
      const configWith = (sni: string) =>
        configFor([origin], { affinity: 'none', protocol, tls: { sni, ca: file }, health });
      await using limpet = await startLimpet(runtime, { config: configWith('app.test') });
      const served = async () => (await ask(limpet.url)).status === 200;
      const outs = () => limpet.stderr().split('server app/a is out: no connection: ').length - 1;
      await until('its authority is not trusted', () => outs() === 1);
      expect(await served()).toBe(false);
      trust(stranger.cert);
      await until('its authority is trusted', served);
      await limpet.reload(configWith('other.test'));
      await until('its name is another', () => outs() === 2);
      expect(await served()).toBe(false);
      await limpet.reload(configWith('app.test'));
      await until('its name is right', served);
    },
  );
});
