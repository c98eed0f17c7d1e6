/**
 * Servers change under load, by the admin API: two become four, one changes again and again, and all are replaced one after another.
 * No request fails, no session loses a change, and none moves whose owner stayed. With plain cookies, what was announced is lost.
 */
import { Agent, createServer } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { long } from '../support/long.ts';
import { listen, together, until, Visitor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { ServerApi } from '../support/server-api.ts';
import { type Count, poolOf, Shopper, startShop, startShops } from '../support/shop.ts';

/** Sessions that go on counting, each with one request after the other. */
class Load implements AsyncDisposable {
  readonly failures: string[] = [];
  readonly last: Count[] = [];
  requests = 0;
  private stopped = false;
  private readonly agent = new Agent({ keepAlive: true });
  private readonly running: Promise<void>[];

  constructor(url: string, shoppers: number) {
    this.running = Array.from({ length: shoppers }, (_, i) => this.shop(new Shopper(url, this.agent), i));
  }

  private async shop(shopper: Shopper, i: number): Promise<void> {
    for (let counted = 1; !this.stopped; counted++) {
      try {
        const count = await shopper.count();
        if (count.count !== counted)
          this.failures.push(`session ${i}: ${counted} changes, and ${count.count} are kept`);
        counted = count.count;
        this.last[i] = count;
      } catch (error) {
        this.failures.push(String(error));
      }
      this.requests++;
      await turn();
    }
  }

  /** Each session has been served at least once more. */
  async round(): Promise<void> {
    const before = this.last.map(({ count }) => count);
    await until('each session is served', () =>
      this.running.every((_, i) => (this.last[i]?.count ?? 0) > (before[i] ?? 0)),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopped = true;
    await Promise.all(this.running);
    this.agent.destroy();
  }
}

const sessions = long ? 500 : 20;
const changes = long ? 100 : 24;

describe.each(runtimes)('servers that change under load on %s', (runtime) => {
  test('two become four, one changes again and again, all are replaced', { timeout: 240_000 }, async () => {
    await using servers = await startShops('a', 'b', 'c', 'd', 'x');
    const at = new Map(servers.map((server) => [server.name, server]));
    const listed = poolOf(servers.slice(0, 2));
    const pool = { servers: listed, rebalance: { skew: 1.2, rate: 1000 } };
    await using limpet = await startLimpet(runtime, { config: { pools: { shop: pool }, sessions: {}, workers: 2 } });
    const api = new ServerApi(limpet);
    const load = new Load(limpet.url, sessions);
    await using _ = load;
    await load.round();

    for (const name of ['c', 'd']) await api.send('POST', '/servers/shop', { name, address: at.get(name)!.address });
    await until('the sessions are spread', async () => {
      const live = (await api.servers()).map((server) => server.sessions.live);
      return live.length === 4 && Math.max(...live) <= 1.25 * (live.reduce((sum, one) => sum + one, 0) / 4);
    });
    await load.round();
    const settled = await limpet.counters();
    const owners = load.last.map(({ server }) => server);

    const { address } = at.get('x')!;
    for (let n = 0; n < changes / 4; n++) {
      await api.send('POST', '/servers/shop', { name: 'x', address, weight: 0 });
      await api.send('PATCH', '/servers/shop/a', { maxRequests: 1000 + n });
      await api.send('PATCH', '/servers/shop/b', { weight: 2 - (n % 2) });
      await api.send('DELETE', '/servers/shop/x');
    }
    expect(load.failures).toEqual([]);
    const weighed = await limpet.counters();
    // A weight is a reason for the rebalance to move sessions; nothing else is.
    expect(weighed.rebinds).toBe(settled.rebinds);
    expect(owners).toHaveLength(sessions);
    await api.send('PATCH', '/servers/shop/b', { weight: 1 });

    for (const name of ['a', 'b', 'c', 'd']) {
      await api.send('PATCH', `/servers/shop/${name}`, { state: 'drain' });
      expect(await api.send('GET', `/servers/shop/${name}/drained?wait=60s`)).toMatchObject({ drained: true });
      const old = at.get(name)!;
      await old.kill();
      at.set(name, await startShop(name, old.port));
      await api.send('PATCH', `/servers/shop/${name}`, { state: 'ready' });
    }
    await load.round();
    expect(load.failures).toEqual([]);
    expect(await limpet.counters()).toMatchObject({ rebinds: 0, copies_fenced: 0 });
    for (const server of at.values()) await server.kill();
  });

  test('with plain cookies the loss is said before, and that is what is lost', { timeout: 60_000 }, async () => {
    await using servers = await together(['a', 'b'].map(classic));
    await using limpet = await startLimpet(runtime, {
      config: { pools: { shop: { servers: poolOfOrigins(servers), notifyMoves: true } } },
    });
    const api = new ServerApi(limpet);
    const visitors = Array.from({ length: 20 }, () => new Visitor(limpet.url));
    const served = async () => {
      const replies = await Promise.all(visitors.map((visitor) => visitor.ask()));
      return replies.map(({ status, body }) => ({
        status,
        ...(JSON.parse(body) as { server: string; visits: number; from: string }),
      }));
    };
    await served();
    // A session counts once its cookie has come back.
    const first = await served();
    const onA = first.filter(({ server }) => server === 'a').length;
    await api.send('PATCH', '/servers/shop/a', { state: 'drain' });
    const waited = await api.send('GET', '/servers/shop/a/drained');
    expect(waited).toMatchObject({ drained: false, waitingFor: { inflight: 0, uncopied: onA } });
    // Its sessions stay with it.
    expect((await served()).map(({ server }) => server)).toEqual(first.map(({ server }) => server));
    const announced = (await api.server('a')).loss;
    expect(announced).toEqual({ sessions: onA, exchanges: 0 });
    await api.send('PATCH', '/servers/shop/a', { state: 'down' });
    const after = await served();
    expect(after.map(({ status }) => status)).toEqual(visitors.map(() => 200));
    expect(after.filter(({ visits }) => visits === 1)).toHaveLength(announced.sessions);
    // The one that takes over has been told, once.
    const told = (replies: typeof after) => replies.map(({ from }) => from).filter((from) => from !== '');
    expect(told(after)).toEqual(Array(announced.sessions).fill('reason=rebind; from=a'));
    expect([told(first), told(await served())]).toEqual([[], []]);
    expect(after.filter(({ visits }) => visits === 4)).toHaveLength(visitors.length - announced.sessions);
  });
});

/** Keeps sessions in its memory, under a cookie of its own. */
async function classic(name: string) {
  const visits = new Map<string, number>();
  const server = createServer((request, response) => {
    const known = /\bapp=(\w+)/.exec(request.headers.cookie ?? '')?.[1];
    const id = known !== undefined && visits.has(known) ? known : `${name}${visits.size}`;
    visits.set(id, (visits.get(id) ?? 0) + 1);
    response.setHeader('set-cookie', `app=${id}`);
    const from = request.headers['limpet-affinity'] ?? '';
    response.end(JSON.stringify({ server: name, visits: visits.get(id), from }));
  });
  return await listen(name, server);
}

function poolOfOrigins(servers: readonly { readonly name: string; readonly address: string }[]) {
  return servers.map(({ name, address }) => ({ name, address }));
}
