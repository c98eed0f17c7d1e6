/** `limpet fleet`: the nodes of the fleet, as one of them knows them. */
import type { FleetView } from '../admin/schemas.ts';
import { AdminClient, type AdminSurroundings, type AskedOptions } from './admin-client.ts';
import { inColumns } from './columns.ts';

type NodeView = FleetView['nodes'][number];

/** Writes a line for each node, and one for each thing that is not as it should be. */
export async function writeFleet(options: AskedOptions, json: boolean, around: AdminSurroundings): Promise<void> {
  const fleet = await new AdminClient(options, around.env).get<FleetView>('/v1/fleet');
  around.write(json ? `${JSON.stringify(fleet, null, 2)}\n` : inWords(fleet));
}

function inWords({ connected, reason, unsent, nodes, pools }: FleetView): string {
  const head = ['node', 'id', 'state', 'version', 'clock', 'config', 'orders'];
  const rows = nodes.map((node) => [
    node.self ? `${node.name} (this one)` : node.name,
    node.id,
    stateOf(node),
    `${node.version} ${node.runtime}`,
    clockOf(node),
    node.configHash,
    node.pending === 0 ? 'done' : `${node.pending} pending`,
  ]);
  const lines = [
    ...(unsent === 0 ? [] : [`${unsent} changes of servers are kept here until fleet.store answers`]),
    ...(connected ? [] : [`cut off: fleet.store does not answer (${reason ?? 'nothing was tried yet'})`]),
    ...nodes.flatMap(({ name, differs }) => (differs.length === 0 ? [] : [`${name} differs: ${differs.join(', ')}`])),
    ...nodes.flatMap(({ name, failure }) => (failure === null ? [] : [`${name}: ${failure}`])),
    ...pools.map(({ name, requestsPerSecond, sessions: { atLeast, atMost } }) => {
      const sessions = atLeast === atMost ? `${atMost}` : `${atLeast} to ${atMost}`;
      return `pool ${name}: ${sessions} sessions, ${requestsPerSecond} requests per second`;
    }),
  ];
  return `${inColumns([head, ...rows])}${lines.map((line) => `${line}\n`).join('')}`;
}

function stateOf({ state, silentMs }: NodeView): string {
  return state === 'live' ? state : `gone for ${Math.round(silentMs / 1000)} s`;
}

function clockOf({ clockAheadMs }: NodeView): string {
  return `${clockAheadMs < 0 ? '-' : '+'}${(Math.abs(clockAheadMs) / 1000).toFixed(1)} s`;
}
