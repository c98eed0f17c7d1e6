/**
 * The token that a node gives at a move says who owns the session, for nodes that have not been told (I4). It never has an id that the session
 * does not have any more: it would replace the one that the client has got at another node. Here no node is told of anything.
 */
import { describe, expect, type TestContext, test } from 'vitest';
import { Wire } from '../chaos/wire.ts';
import { fleetRedis, nodeConfig } from '../support/fleet-nodes.ts';
import { Customer, startLibraryShops } from '../support/library-shop.ts';
import { startLimpet } from '../support/limpet.ts';
import { type Runtime, runtimes } from '../support/runtimes.ts';
import { poolOf } from '../support/shop.ts';
import { until } from '../support/until.ts';

const keys = ['6b'.repeat(32)];

/** Node `one` reaches the servers over wires, and node `two` directly. `customer` has a session at a, which both nodes know. */
async function stage(runtime: Runtime, context: TestContext) {
  const redis = await fleetRedis(context);
  const stack = new AsyncDisposableStack();
  const servers = stack.use(await startLibraryShops('a', 'b'));
  const wires: Wire[] = [];
  for (const { name, address } of servers) {
    const { hostname, port } = new URL(`http://${address}`);
    const wire = await Wire.open(name, Number(port), hostname);
    stack.defer(() => wire.close());
    wires.push(wire);
  }
  const overWires = servers.map(({ name }, n) => ({ name, address: `127.0.0.1:${wires[n]!.port}` }));
  const start = async (name: string, pool: readonly object[]) => {
    const config = { pools: { shop: { servers: pool } }, keys, sessions: {} };
    const env = { NODE_ENV: 'test', LIMPET_INJECTED_FAULT: 'untold-moves' };
    return stack.use(await startLimpet(runtime, { config: nodeConfig(redis, name, { config }), env }));
  };
  const one = await start('one', overWires);
  const two = await start('two', poolOf(servers));
  let customer = new Customer(one.url);
  while ((await customer.visit()).server !== 'a') customer = new Customer(one.url);
  expect(await customer.twin(two.url).visit('/read')).toMatchObject({ server: 'a', epoch: 1 });
  return { one, two, customer, toA: wires[0]!, toB: wires[1]!, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

describe.each(runtimes)('two nodes on %s', { timeout: 60_000 }, (runtime) => {
  test.for(['/', '/read'])('after a move with %s a node that was not told goes by the token', async (path, context) => {
    await using scene = await stage(runtime, context);
    const { two, customer, toA } = scene;
    toA.refuse();
    const { count } = await customer.visit(path);
    expect(await customer.twin(two.url).visit('/read')).toMatchObject({ server: 'b', count, epoch: 2 });
    expect(await customer.twin(two.url).visit()).toMatchObject({ server: 'b', count: count + 1, epoch: 2 });
  });

  test('a session gets another id while a response is on its way: no token with the old one', async (context) => {
    await using scene = await stage(runtime, context);
    const { one, two, customer, toA, toB } = scene;
    toA.refuse();
    toB.holdAnswers();
    const before = customer.twin(one.url);
    const old = [...before.cookies];
    const reading = before.visit('/read');
    await until('the new owner has answered', () => toB.held > 0);
    const signingIn = customer.twin(two.url);
    // The former owner's change is refused, and then the node knows better.
    await until('the login is done', async () => (await signingIn.tries('/sign-in?user=ann')) === '200');
    toB.heal();
    expect(await reading).toMatchObject({ server: 'b', user: null, count: 1, epoch: 2 });
    expect([...before.cookies]).toEqual(old);
    expect(await signingIn.visit('/read')).toMatchObject({ server: 'b', user: 'ann', count: 1 });
  });
});
