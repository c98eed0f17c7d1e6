/** Another token key, and none of the former ones, at all nodes of a fleet: every session stays at its owner, whatever has named it. */
import { describe, expect, test } from 'vitest';
import { type FleetNode, startFleet, type TestFleet } from '../support/fleet.ts';
import { FleetClient, type Kind } from '../support/fleet-clients.ts';
import { fleetRedis, query, startNode } from '../support/fleet-nodes.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, echoOf, together, until } from '../support/peers.ts';
import { needProgram } from '../support/programs.ts';
import { runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';

const kinds: readonly Kind[] = ['cookie', 'header', 'learn', 'rewrite', 'library'];
const servers = ['a', 'b', 'c'];
/** Of each kind: some of them are at each server. */
const sessions = 24;
/** Of cookies: after a quarter of it a token gets another date. */
const idle = '60s';

/** The library has a copy of a session only when the session was changed. */
const changing = (client: FleetClient) => (client.kind === 'library' ? 'count' : '');

function everywhere(clients: readonly FleetClient[], nodes: readonly FleetNode[]): Promise<unknown> {
  return Promise.all(clients.map((client) => Promise.all(nodes.map((node) => client.twin().ask(node)))));
}

const cookiesOf = ({ cookies }: FleetClient) => [...cookies.values()].join(' ');

const pathsOf = (fleet: TestFleet, clients: readonly FleetClient[]) =>
  Object.fromEntries(clients.map(({ session }) => [session, fleet.pathOf(session)]));

describe.each(runtimes)('retired keys in a fleet on %s', (runtime) => {
  onlyOver('h1', 'it is about nodes, not about what clients speak');

  test('every session stays at its owner', { timeout: 180_000 }, async (context) => {
    needProgram(context, 'redis');
    await using fleet = await startFleet(runtime, { kinds, servers, affinity: { idle }, config: { keys: undefined } });
    const [one, two] = fleet.nodes as [FleetNode, FleetNode];
    const clients = kinds.flatMap((kind) => Array.from({ length: sessions }, () => new FleetClient(kind)));
    const asksAll = (path: (client: FleetClient) => string) =>
      Promise.all(clients.map((client, n) => client.ask(fleet.nodes[n % 2]!, path(client))));
    await asksAll(changing);
    // Those of one server move, so that the store names their owners.
    await fleet.server('a').kill();
    await asksAll(changing);
    await everywhere(clients, fleet.nodes);
    await fleet.startServer('a');
    for (const node of fleet.nodes) await node.untilState('a', 'up');
    const before = pathsOf(fleet, clients);
    const moved = kinds.filter((kind) =>
      clients.some((client) => client.kind === kind && before[client.session]!.length > 1),
    );
    expect(moved).toEqual(kinds);

    await one.api.send('POST', '/keys/rotate');
    await everywhere(clients, fleet.nodes);
    // Cookies get later dates, and the app gives its own again: all of them are signed with the new key from then on.
    const signed = clients.filter(({ kind }) => kind === 'cookie' || kind === 'rewrite' || kind === 'library');
    const given = signed.map(cookiesOf);
    await until('all have another cookie', async () => {
      await asksAll(({ kind }) => (kind === 'rewrite' ? '?renew' : ''));
      return signed.every((client, n) => cookiesOf(client) !== given[n]);
    });
    await one.api.send('POST', '/keys/retire');
    await everywhere(clients, fleet.nodes);

    // One that has forgotten what it did not save, one that has never seen a session, and one with another config.
    await two.stop();
    await two.start();
    await fleet.addNode();
    await one.reload(servers.toReversed());
    await everywhere(clients, fleet.nodes);
    expect(pathsOf(fleet, clients)).toEqual(before);
  });

  test('a client that is placed by its address comes to the same server', { timeout: 60_000 }, async (context) => {
    const redis = await fleetRedis(context);
    await using origins = await together(servers.map((name) => httpOrigin(name)));
    const config = configFor(origins, { affinity: ['source-ip'] }, { trustedProxies: ['127.0.0.0/8'] });
    await using nodes = await together(['one', 'two'].map((name) => startNode(runtime, redis, name, { config })));
    const addresses = Array.from({ length: 24 }, (_, i) => `198.51.100.${i}`);
    const placesAt = ({ url }: { readonly url: string }) =>
      Promise.all(
        addresses.map(async (address) => echoOf(await ask(url, { headers: { 'x-forwarded-for': address } })).server),
      );
    const before = await placesAt(nodes[0]!);
    expect(new Set(before).size).toBeGreaterThan(1);
    for (const step of ['rotate', 'retire']) {
      await query(nodes[0]!, `/v1/keys/${step}`, 'POST');
      for (const node of nodes) expect(await placesAt(node)).toEqual(before);
    }
  });
});
