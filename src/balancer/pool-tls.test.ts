/** Encrypted connections to real servers: what is trusted, and the name of each fault. */
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestAuthority } from '../../test/support/certificates.ts';
import { h2Origin } from '../../test/support/h2-origin.ts';
import { host } from '../../test/support/host.ts';
import type { Origin } from '../../test/support/origin.ts';
import { ask } from '../../test/support/peers.ts';
import { readConfig } from '../config/read.ts';
import { createNodeNet } from '../net/node.ts';
import type { ClientTls } from '../net/tls.ts';
import { createSingleWorker } from '../shared/single-worker.ts';
import { systemClock, unixSeconds } from '../time/clock.ts';
import { Balancer } from './balancer.ts';

const authority = new TestAuthority();
const stranger = new TestAuthority('Another Authority');
const good = authority.issue(['app.test']);

const usual: ClientTls = {
  sni: 'app.test',
  ca: authority.cert,
  pair: null,
  verify: true,
  protocols: ['h2'],
  minVersion: 'TLSv1.2',
};

interface Asked {
  readonly status: number;
  readonly reason: string | undefined;
  readonly reported: readonly string[];
  readonly counters: Readonly<Record<string, number>>;
}

/** What a client gets through a pool with this one server, and what is reported of the server. */
async function askThrough(
  origin: Origin,
  protocol: 'h1' | 'h2',
  changed: Partial<ClientTls> = {},
  requests = 1,
): Promise<Asked> {
  const written = {
    listeners: [{ address: `${host}:0` }],
    keys: ['k'.repeat(40)],
    pools: {
      app: {
        affinity: 'none',
        protocol,
        tls: true,
        retry: { attempts: 1 },
        servers: [{ name: 'a', address: origin.address }],
      },
    },
  };
  const source = { name: 'test', locate: () => null };
  const { options } = readConfig(written, { source, env: {}, variables: false });
  const { shared, numbers } = createSingleWorker(options, unixSeconds(systemClock));
  const reported: string[] = [];
  const protocols = protocol === 'h2' ? (['h2'] as const) : (['http/1.1'] as const);
  const balancer = new Balancer(options, {
    net: createNodeNet(shared.descriptors),
    writeAccess: () => {},
    shared,
    numbers,
    secret: Buffer.alloc(32),
    material: { listeners: [null], pools: new Map([['app', { ...usual, protocols, ...changed }]]) },
    report: (_pool, _server, report) => reported.push('how' in report ? report.how : report.what),
    reportShortage: () => {},
    announceRoom: () => {},
  });
  await balancer.start([0]);
  try {
    const replies = [];
    for (let i = 0; i < requests; i++) replies.push(await ask(balancer.addresses[0] ?? ''));
    const { status, headers } = replies.at(-1)!;
    const reason = headers['limpet-reason'];
    return { status, reason: reason?.toString(), reported, counters: shared.counters.snapshot() };
  } finally {
    await balancer.stop();
  }
}

async function httpsOrigin(cert: string, key: string): Promise<Origin> {
  const server: HttpsServer = createHttpsServer({ cert, key }, (_, response) => response.end('a'));
  await new Promise<void>((done) => server.listen(0, host, () => done()));
  const { port } = server.address() as AddressInfo;
  const close = (): Promise<void> =>
    new Promise((done) => {
      server.close(() => done());
      server.closeAllConnections();
    });
  return { name: 'a', port, address: `${host}:${port}`, close, [Symbol.asyncDispose]: close };
}

describe.each(['h1', 'h2'] as const)('a server of %s', (protocol) => {
  const serve = ({ cert, key }: { cert: string; key: string }): Promise<Origin> =>
    protocol === 'h1' ? httpsOrigin(cert, key) : h2Origin('a', undefined, { tls: { cert, key } });

  test('whose certificate is right serves, and is asked over TLS', async () => {
    await using origin = await serve(good);
    expect(await askThrough(origin, protocol, {}, 3)).toMatchObject({ status: 200, reported: [] });
  });

  test.each([
    ['is for another name', () => authority.issue(['other.test']), /app\.test|[Hh]ostname|altname/],
    ['has expired', () => authority.issue(['app.test'], { from: -2 * 86_400_000, until: -86_400_000 }), /expired/],
    ['is signed by somebody else', () => stranger.issue(['app.test']), /./],
  ])('whose certificate %s is refused by name, and counts as one that cannot be reached', async (_, issue, why) => {
    await using origin = await serve(issue());
    const { status, reason, reported } = await askThrough(origin, protocol);
    expect([status, reason]).toEqual([502, 'server-certificate']);
    expect(reported).toEqual([expect.stringMatching(why), 'connect-failed']);
  });

  test('is taken as it is where verify is false', async () => {
    await using origin = await serve(stranger.issue(['other.test']));
    expect(await askThrough(origin, protocol, { verify: false })).toMatchObject({ status: 200 });
  });

  test('that speaks no TLS is never asked in plain text', async () => {
    await using origin = await h2Origin('a');
    const { status, reason } = await askThrough(origin, protocol);
    expect(status).toBeGreaterThanOrEqual(502);
    expect(['tls-failed', 'connect-refused']).toContain(reason);
    expect(origin.streams()).toBe(0);
  });

  test('a reason is reported once a minute, however many requests fail for it', async () => {
    await using origin = await serve(stranger.issue(['app.test']));
    const { reported } = await askThrough(origin, protocol, {}, 4);
    expect(reported.filter((what) => what !== 'connect-failed')).toHaveLength(1);
    expect(reported.filter((what) => what === 'connect-failed')).toHaveLength(4);
  });
});

describe('ALPN', () => {
  let origin: Origin;
  beforeAll(async () => {
    origin = await httpsOrigin(good.cert, good.key);
  });
  afterAll(() => origin.close());

  test('a server that does not agree on h2 is refused by name', async () => {
    const { status, reason, reported } = await askThrough(origin, 'h2');
    expect([status, reason]).toEqual([502, 'server-protocol']);
    expect(reported).toHaveLength(2);
  });
});
