/** Reloads while a server is dead: what its clients find out is never held against the servers around it. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, together, until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

/** With as many requests between two reloads, the dead one is most probably found out. */
const requestsEachRound = 16;

/** Nobody listens there: each connection is refused at once. */
const dead = '127.0.0.1:1';

type Member = readonly [name: string, address: string];

describe.each(runtimes)('on %s', (runtime) => {
  test.each([1, 2])(
    'servers beside a dead one are never ejected while reloads move them, %i workers',
    {
      timeout: 60_000,
    },
    async (workers) => {
      await using origins = await together(
        ['a', 'b', 'c'].map((name) => httpOrigin(name, (_, response) => response.end(name))),
      );
      const [a, b, c] = origins.map(({ name, address }): Member => [name, address]) as [Member, Member, Member];
      const x: Member = ['x', dead];
      const lists: readonly (readonly Member[])[] = [
        [a, x, b],
        [x, a, b, c],
        [a, b, x],
        [b, c, a],
        // The dead one's name at an address that lives, and a name that lived at the dead one's.
        [['x', c[1]], a, ['c', dead]],
        [['c', c[1]], x, a, b],
      ];
      const config = (members: readonly Member[]) => ({
        ...configFor(
          members.map(([name, address]) => ({ name, address })),
          { affinity: 'none', balance: 'random', health: { passive: { connectErrors: 2, ejection: '50ms' } } },
        ),
        workers,
      });
      await using limpet = await startLimpet(runtime, { config: config(lists[0]!) });
      let over = false;
      let asked = 0;
      const traffic = Array.from({ length: 8 }, async () => {
        const statuses = new Set<number>();
        while (!over) {
          statuses.add((await ask(limpet.url)).status);
          asked++;
        }
        return [...statuses];
      });
      const blamed: string[] = [];
      let ejections = 0;
      for (let round = 0; round < 24; round++) {
        const from = limpet.stderr().length;
        const [before, after] = [lists[round % lists.length]!, lists[(round + 1) % lists.length]!];
        await limpet.reload(config(after));
        const enough = asked + requestsEachRound;
        await until('requests have met this config', () => asked >= enough);
        for (const [, name] of limpet
          .stderr()
          .slice(from)
          .matchAll(/server app\/(\S+) is out: /g)) {
          ejections++;
          if (![...before, ...after].some((member) => member[0] === name && member[1] === dead)) blamed.push(name!);
        }
      }
      over = true;
      for (const statuses of await Promise.all(traffic)) expect(statuses).toEqual([200]);
      expect(blamed).toEqual([]);
      // Dead ones were found out, or this test has seen nothing.
      expect(ejections).toBeGreaterThan(0);
    },
  );
});
