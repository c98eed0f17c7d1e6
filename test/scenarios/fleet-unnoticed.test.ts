/** Two balancers with the same keys and no `fleet` do not know each other: both say so, once. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { configFor, together, until, Visitor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { poolOf, Shopper, startShops } from '../support/shop.ts';

const keys = ['6b'.repeat(32)];

interface Node {
  readonly url: string;
  stderr(): string;
}

/** Sessions of the one are used at the other, until that one says so. */
async function spray(here: Node, there: Node, isNoticed: () => boolean): Promise<void> {
  await until('it is noticed', async () => {
    const visitors = Array.from({ length: 4 }, () => new Visitor(here.url));
    await Promise.all(visitors.map((visitor) => visitor.ask()));
    for (const { cookies } of visitors) {
      const twin = new Visitor(there.url);
      for (const [name, value] of cookies) twin.cookies.set(name, value);
      for (let i = 0; i < 16; i++) await twin.ask();
    }
    return isNoticed();
  });
}

const said =
  /error limpet: another balancer gives cookies of pool \w+ under the same keys, and the config has no fleet: /;

describe.each(runtimes)('nodes that do not know each other on %s', (runtime) => {
  test('cookies of another balancer', { timeout: 120_000 }, async () => {
    await using origins = await together(['a', 'b'].map((name) => httpOrigin(name)));
    const config = { ...configFor(origins), keys };
    await using one = await startLimpet(runtime, { config });
    await using two = await startLimpet(runtime, { config });
    await spray(one, two, () => said.test(two.stderr()));
    await spray(two, one, () => said.test(one.stderr()));
    await spray(one, two, () => true);
    expect(two.stderr().split(said)).toHaveLength(2);
    expect(two.stderr()).not.toContain('sessions.store');
  });

  test('copies in memory, which one of them alone has', { timeout: 120_000 }, async () => {
    await using servers = await startShops('a', 'b');
    const config = { pools: { shop: { servers: poolOf(servers) } }, keys, sessions: { store: 'memory' } };
    await using one = await startLimpet(runtime, { config });
    await using two = await startLimpet(runtime, { config });
    await until('it is noticed', async () => {
      const shoppers = Array.from({ length: 4 }, () => new Shopper(one.url));
      for (const shopper of shoppers) {
        await shopper.count();
        const twin = shopper.twin(two.url);
        for (let i = 0; i < 16; i++) await twin.ask('/read');
      }
      return said.test(two.stderr());
    });
    expect(two.stderr()).toContain('their changes are lost between the two: sessions.store is memory');
  });

  test('one balancer alone, through a restart, says nothing', { timeout: 120_000 }, async () => {
    await using origins = await together(['a', 'b'].map((name) => httpOrigin(name)));
    const config = { ...configFor(origins), keys };
    const visitors: Visitor[] = [];
    let url = '';
    const visit = async () => {
      for (let i = 0; i < 8; i++) visitors.push(new Visitor(() => url));
      for (const visitor of visitors) for (let i = 0; i < 16; i++) await visitor.ask();
    };
    for (let life = 0; life < 2; life++) {
      await using limpet = await startLimpet(runtime, { config });
      url = limpet.url;
      await visit();
      await visit();
      expect(limpet.stderr()).not.toMatch(said);
    }
  });
});
