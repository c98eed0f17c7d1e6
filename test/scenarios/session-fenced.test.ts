/**
 * A server that was out of its mind for a while (SIGSTOP) comes back and answers for sessions that others have by now: its
 * change is refused, the client gets no success, and nothing of it is seen by anyone.
 */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { ask, until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { poolOf, Shopper, startShops } from '../support/shop.ts';

describe.each(runtimes)('a former owner on %s', (runtime) => {
  test('is fenced when it wakes up', { timeout: 30_000 }, async () => {
    await using servers = await startShops('a', 'b');
    await using limpet = await startLimpet(runtime, {
      config: {
        pools: {
          shop: {
            servers: poolOf(servers),
            health: { path: '/healthz', interval: '200ms', timeout: '200ms', rise: 1, fall: 1, panicThreshold: 0 },
          },
        },
        sessions: {},
        workers: 2,
      },
    });
    const shopper = new Shopper(limpet.url);
    const { server } = await shopper.count();
    const owner = servers.find(({ name }) => name === server)!;
    const cookie = [...shopper.cookies].map(([name, value]) => `${name}=${value}`).join();
    // A request is with the owner, its change made, its answer not yet sent.
    const late = ask(`${limpet.url}/late`, { headers: { cookie } });
    await until('the owner has it', async () => (await ask(`http://${owner.address}/waiting`)).body === '1');
    process.kill(owner.pid, 'SIGSTOP');
    await until('the owner is out', () => limpet.stderr().includes(`/${server} is out: `));
    const moved = await shopper.count();
    expect(moved).toMatchObject({ epoch: 2, reason: 'rebind', count: 2, restored: true });
    process.kill(owner.pid, 'SIGCONT');
    await ask(`http://${owner.address}/go`);
    const answer = await late;
    expect([answer.status, answer.headers['limpet-reason']]).toEqual([503, 'session-fenced']);
    expect(answer.setCookies).toEqual([]);
    expect(await shopper.count()).toMatchObject({ server: moved.server, epoch: 2, count: 3, reason: 'held' });
    expect(await limpet.counters()).toMatchObject({ copies_fenced: 1, requests_refused_session_fenced: 1 });
  });

  test('answers that are repeated elsewhere name the new epoch', { timeout: 30_000 }, async () => {
    await using servers = await startShops('a', 'b', 'c');
    await using limpet = await startLimpet(runtime, {
      config: { pools: { shop: { servers: poolOf(servers), health: { passive: false } } }, sessions: {}, workers: 2 },
    });
    const shoppers = Array.from({ length: 12 }, () => new Shopper(limpet.url));
    const before = await Promise.all(shoppers.map((shopper) => shopper.count()));
    await servers[0]!.kill('SIGKILL');
    await Promise.all(
      shoppers.map(async (shopper, i) => {
        const { server, count, epoch } = before[i]!;
        // Several at once: they agree on one new owner.
        const answers = await Promise.all([1, 2, 3].map(() => shopper.count()));
        const dead = server === 'a';
        for (const answer of answers) {
          expect(answer.epoch).toBe(dead ? epoch + 1 : epoch);
          expect(['rebind', 'held']).toContain(answer.reason);
        }
        expect(new Set(answers.map((answer) => answer.server)).size).toBe(1);
        expect(answers.map((answer) => answer.count).sort()).toEqual([count + 1, count + 2, count + 3]);
      }),
    );
  });
});
