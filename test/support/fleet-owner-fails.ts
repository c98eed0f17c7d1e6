/**
 * The story of every kind of session in a fleet: it begins at one node, all others know it, its owner is killed, all nodes are asked at
 * once and agree on one new owner, and the former one comes back and is left alone. Told by the logs of the servers.
 */
import { expect } from 'vitest';
import type { TestFleet } from './fleet.ts';
import { FleetClient, isNamedByClient, type Kind } from './fleet-clients.ts';

/** Some of them are at each server. */
const sessions = 24;
const rounds = 3;

export async function ownerFails(fleet: TestFleet, kind: Kind): Promise<void> {
  const { nodes } = fleet;
  const clients = Array.from({ length: sessions }, () => new FleetClient(kind));
  const everywhere = () => Promise.all(clients.flatMap((client) => nodes.map((node) => client.twin().ask(node))));
  // What the client names itself begins at all nodes at once, the rest at one of them.
  if (isNamedByClient(kind)) await everywhere();
  else await Promise.all(clients.map((client, n) => client.ask(nodes[n % nodes.length]!)));
  await everywhere();
  const homes = clients.map(({ session }) => fleet.pathOf(session));
  expect(homes.filter(({ length }) => length !== 1)).toEqual([]);
  expect(new Set(homes.flat()).size).toBeGreaterThan(1);

  const [[lost = '']] = homes as [string[]];
  await fleet.server(lost).kill();
  // With what they knew before: a browser sends its old cookie with requests that are under way.
  for (let round = 0; round < rounds; round++) await everywhere();
  const paths = clients.map(({ session }) => fleet.pathOf(session));
  const moved = paths.filter(([home]) => home === lost);
  expect(paths.filter(({ length }, n) => length !== (homes[n]![0] === lost ? 2 : 1))).toEqual([]);
  expect(moved.length).toBeGreaterThan(0);

  await fleet.startServer(lost);
  for (const node of nodes) await node.untilState(lost, 'up');
  for (let round = 0; round < rounds; round++) await everywhere();
  expect(clients.map(({ session }) => fleet.pathOf(session))).toEqual(paths);
}
