/** A session whose owner is at its cap: rebind takes it to a server with room, reject says 503. `queue.test.ts` has the third. */
import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { configFor, readToken, together, until, Visitor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

/** Answers at once, but for `/hold`. */
async function holder(name: string) {
  const held: ServerResponse[] = [];
  const origin = await httpOrigin(name, (request, response) => {
    if (request.url === '/hold') held.push(response);
    else response.end(name);
  });
  return { ...origin, held, release: () => held.splice(0).forEach((response) => void response.end(name)) };
}

describe.each(runtimes)('whenOwnerFull on %s', (runtime) => {
  async function stage(whenOwnerFull: string) {
    const origins = await together(['a', 'b'].map(holder));
    const servers = origins.map(({ name, address }) => ({ name, address, maxRequests: 1 }));
    const limpet = await startLimpet(runtime, { config: configFor([], { servers, whenOwnerFull }) });
    const visitor = new Visitor(limpet.url);
    const home = (await visitor.ask()).body;
    const owner = origins.find((origin) => origin.name === home)!;
    const holding = visitor.ask('/hold');
    await until('the owner is full', () => owner.held.length === 1);
    const dispose = async () => {
      await limpet[Symbol.asyncDispose]();
      await origins[Symbol.asyncDispose]();
    };
    return { limpet, visitor, home, owner, holding, [Symbol.asyncDispose]: dispose };
  }

  test('rebind: the session moves once, with a new cookie, and stays', async () => {
    await using at = await stage('rebind');
    const { visitor, home } = at;
    const moved = await visitor.ask();
    expect(moved.status).toBe(200);
    expect(moved.body).not.toBe(home);
    expect(readToken(visitor.cookies.get('limpet')!).epoch).toBe(2);
    at.owner.release();
    expect((await at.holding).body).toBe(home);
    for (let i = 0; i < 4; i++) expect((await visitor.ask()).body).toBe(moved.body);
    expect((await at.limpet.counters()).rebinds).toBe(1);
  });

  test('reject: 503 with Retry-After while it is full, and the session lives on', async () => {
    await using at = await stage('reject');
    const refused = await at.visitor.ask();
    expect([refused.status, refused.headers['limpet-reason']]).toEqual([503, 'owner-full']);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    at.owner.release();
    await at.holding;
    expect((await at.visitor.ask()).body).toBe(at.home);
  });
});
