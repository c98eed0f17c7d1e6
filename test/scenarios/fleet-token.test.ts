/**
 * The next token that a node gives of a session says who owns it, for nodes that have not been told of a move (I4). It never has an id that the
 * session does not have any more: it would replace the one that the client has got at another node. Here no node is told of anything.
 */
import { describe, expect, type TestContext, test } from 'vitest';
import { Wire } from '../chaos/wire.ts';
import { fleetRedis, nodeConfig } from '../support/fleet-nodes.ts';
import { handClock } from '../support/hand-clock.ts';
import { Customer, startLibraryShops } from '../support/library-shop.ts';
import { startLimpet } from '../support/limpet.ts';
import { type Runtime, runtimes } from '../support/runtimes.ts';
import { poolOf } from '../support/shop.ts';
import { until } from '../support/until.ts';

const keys = ['6b'.repeat(32)];
/** A token gets a new date after a minute. */
const affinity = [{ cookie: { idle: '4m' } }];

/**
 * Node `one` reaches the servers over wires, and its clock is ahead by so much; node `two` reaches them directly. `customer` has a session at a,
 * begun at node two and known to both.
 */
async function stage(runtime: Runtime, context: TestContext, aheadMs = 0) {
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
  const start = async (name: string, pool: readonly object[], by: number) => {
    const clock = stack.use(handClock());
    clock.set(by);
    const config = { pools: { shop: { servers: pool, affinity } }, keys, sessions: {} };
    const env = { ...clock.env, LIMPET_INJECTED_FAULT: 'untold-moves' };
    return stack.use(await startLimpet(runtime, { config: nodeConfig(redis, name, { config }), env }));
  };
  const one = await start('one', overWires, aheadMs);
  const two = await start('two', poolOf(servers), 0);
  let customer = new Customer(two.url);
  while ((await customer.visit()).server !== 'a') customer = new Customer(two.url);
  expect(await customer.twin(one.url).visit('/read')).toMatchObject({ server: 'a', count: 1, epoch: 1 });
  const [toA, toB] = wires as [Wire, Wire];
  return { one, two, customer, toA, toB, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

describe.each(runtimes)('two nodes on %s', { timeout: 60_000 }, (runtime) => {
  test.for(['/', '/read'])('after a move with %s a node that was not told goes by the token', async (path, context) => {
    await using scene = await stage(runtime, context);
    const { one, two, customer, toA } = scene;
    toA.refuse();
    const client = customer.twin(one.url);
    const { count } = await client.visit(path);
    expect(await client.twin(two.url).visit('/read')).toMatchObject({ server: 'b', count, epoch: 2 });
    expect(await client.twin(two.url).visit()).toMatchObject({ server: 'b', count: count + 1, epoch: 2 });
  });

  test.for([
    ['another owner', 'b', 0],
    ['a new date', 'a', 90_000],
  ] as const)('with %s: none of an id that was given up meanwhile', async ([, owner, aheadMs], context) => {
    await using scene = await stage(runtime, context, aheadMs);
    const { one, two, customer, toA, toB } = scene;
    if (owner === 'b') toA.refuse();
    const answers = owner === 'b' ? toB : toA;
    answers.holdAnswers();
    const client = customer.twin(one.url);
    const reading = client.visit('/read');
    await until('its server has answered', () => answers.held > 0);
    // A former owner's change is refused, and then the node knows better.
    await until('the login is done', async () => (await customer.tries('/sign-in?user=ann')) === '200');
    const before = [...client.cookies];
    answers.heal();
    expect(await reading).toMatchObject({ server: owner, user: null, count: 1 });
    expect([...client.cookies]).toEqual(before);
    expect(await customer.visit('/read')).toMatchObject({ server: owner, user: 'ann', count: 1 });
    expect(await customer.twin(one.url).visit('/read')).toMatchObject({ server: owner, user: 'ann', count: 1 });
    expect(two.stderr()).not.toContain('Error');
  });

  test('with a new date, of an id that still holds', async (context) => {
    await using scene = await stage(runtime, context, 90_000);
    const client = scene.customer.twin(scene.one.url);
    const before = [...client.cookies];
    expect(await client.visit('/read')).toMatchObject({ server: 'a', count: 1, epoch: 1 });
    expect([...client.cookies]).not.toEqual(before);
  });
});
