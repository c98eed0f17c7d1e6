/** `limpet drain`, `ready`, `down`, `servers`, `add` and `remove`: what is said and asked about servers of a running balancer. */
import { findServer } from '../admin/find-server.ts';
import type { DrainState, FleetView, ServerView } from '../admin/schemas.ts';
import { UsageError } from '../errors.ts';
import { AdminClient, AdminRefusal, type AdminSurroundings, type AskedOptions, serverPath } from './admin-client.ts';
import { inColumns } from './columns.ts';
import type { ServerCommand } from './server-arguments.ts';
import { nameOf, stateOf } from './server-words.ts';

interface DrainFlags {
  /** Wait until the server can be stopped without loss. */
  readonly wait?: true;
  /** The longest wait, ms; undefined: no limit. */
  readonly deadline?: number;
  /** What becomes of the server then, empty or not; undefined: it goes on draining. */
  readonly then?: 'down';
}

interface AddFlags {
  readonly weight?: number;
  readonly maxRequests?: number;
}

/** False: the server is not empty after the deadline. Throws UsageError. */
export async function runServerCommand(
  options: AskedOptions,
  command: ServerCommand,
  around: AdminSurroundings,
): Promise<boolean> {
  switch (command.kind) {
    case 'drain':
      return await drainServer(options, command.server, command, around);
    case 'ready':
    case 'down':
      await setServerState(options, command.server, command.kind, around);
      return true;
    case 'list-servers':
      await writeServers(options, command, around);
      return true;
    case 'add':
      await addServer(options, command.server, command.address, command, around);
      return true;
    case 'remove':
      await removeServer(options, command.server, around);
      return true;
  }
}

/** The longest wait (s) of one request of a drain: a balancer that has gone is found out in this time. */
const waitSeconds = 5;

/** True when it is done, and with `wait` when the server is empty; false when the time ran out before. */
async function drainServer(
  options: AskedOptions,
  wanted: string,
  { wait, deadline, then }: DrainFlags,
  around: AdminSurroundings,
): Promise<boolean> {
  const balancer = new AdminClient(options, around.env);
  const found = findServer(await balancer.servers(), wanted);
  const name = nameOf(found);
  announceLoss(found, around);
  await balancer.send('PATCH', serverPath(found), { state: 'drain' });
  await warnOfNodes(balancer, around);
  if (found.state === 'up') await warnOfLast(balancer, found, around);
  if (wait !== true) {
    around.write(`${name}: draining\n`);
    return true;
  }
  const isEmpty = await waitUntilEmpty(balancer, found, deadline, around);
  if (isEmpty) around.write(`${name}: empty: it can be stopped\n`);
  else around.writeError(`limpet: ${name} is not empty after ${deadline} ms\n`);
  if (then === undefined) return isEmpty;
  if (!isEmpty) around.writeError(lossLine(findServer(await balancer.servers(), name), 'is lost now'));
  await balancer.send('PATCH', serverPath(found), { state: then });
  await warnOfNodes(balancer, around);
  around.write(`${name}: ${then}\n`);
  return isEmpty;
}

async function waitUntilEmpty(
  balancer: AdminClient,
  server: ServerView,
  deadline: number | undefined,
  around: AdminSurroundings,
): Promise<boolean> {
  const until = deadline === undefined ? Number.POSITIVE_INFINITY : performance.now() + deadline;
  let shown = '';
  for (;;) {
    const leftMs = Math.max(0, Math.ceil(until - performance.now()));
    const waitMs = shown === '' ? 0 : Math.min(waitSeconds * 1000, leftMs);
    const { drained, waitingFor } = await balancer.get<DrainState>(`${serverPath(server)}/drained?wait=${waitMs}ms`);
    const { inflight, streams, tunnels, uncopied } = waitingFor;
    const open = `${inflight} in flight (${streams} streams, ${tunnels} tunnels)`;
    const line = `${nameOf(server)}: ${open}, ${uncopied} sessions without a copy\n`;
    if (line !== shown) around.write(line);
    shown = line;
    if (drained) return true;
    if (leftMs === 0) return false;
  }
}

/** One word for one server: `ready` or `down`. */
async function setServerState(
  options: AskedOptions,
  wanted: string,
  state: 'ready' | 'down',
  around: AdminSurroundings,
): Promise<void> {
  const balancer = new AdminClient(options, around.env);
  const found = findServer(await balancer.servers(), wanted);
  if (state === 'down' && found.state !== 'down') around.writeError(lossLine(found, 'is lost'));
  await balancer.send('PATCH', serverPath(found), { state });
  await warnOfNodes(balancer, around);
  if (state === 'down' && found.state === 'up') await warnOfLast(balancer, found, around);
  around.write(`${nameOf(found)}: ${state}\n`);
}

/** `wanted`: POOL/NAME, or NAME where there is one pool. */
async function addServer(
  options: AskedOptions,
  wanted: string,
  address: string,
  { weight, maxRequests }: AddFlags,
  around: AdminSurroundings,
): Promise<void> {
  const balancer = new AdminClient(options, around.env);
  const pools = new Set((await balancer.servers()).map(({ pool }) => pool));
  const slash = wanted.indexOf('/');
  const [only] = pools;
  const pool = slash < 0 ? only : wanted.slice(0, slash);
  if (slash < 0 && pools.size > 1) {
    throw new UsageError(
      `found "${wanted}" with ${pools.size} pools, expected POOL/NAME, the pool being one of ${[...pools].join(', ')}`,
    );
  }
  const name = wanted.slice(slash + 1);
  await balancer.send('POST', `/v1/servers/${encodeURIComponent(pool ?? '')}`, { name, address, weight, maxRequests });
  await warnOfNodes(balancer, around);
  around.write(`${pool}/${name}: added\n`);
}

async function removeServer(options: AskedOptions, wanted: string, around: AdminSurroundings): Promise<void> {
  const balancer = new AdminClient(options, around.env);
  const found = findServer(await balancer.servers(), wanted);
  around.writeError(lossLine(found, 'is lost'));
  await balancer.send('DELETE', serverPath(found), undefined);
  await warnOfNodes(balancer, around);
  around.write(`${nameOf(found)}: removed\n`);
}

/** A line for each server; `safest`: what can be stopped at the least loss first. */
async function writeServers(
  options: AskedOptions,
  { safest, json }: { readonly safest: boolean; readonly json: boolean },
  around: AdminSurroundings,
): Promise<void> {
  const balancer = new AdminClient(options, around.env);
  const servers = await balancer.get<readonly ServerView[]>(`/v1/servers${safest ? '?rank=safest' : ''}`);
  if (json) {
    around.write(`${JSON.stringify(servers, null, 2)}\n`);
    return;
  }
  const head = [
    'server',
    'state',
    'address',
    'weight',
    'in flight',
    'streams',
    'tunnels',
    'sessions',
    'uncopied',
    'loss',
  ];
  const rows = servers.map((server) => [
    nameOf(server),
    stateOf(server),
    server.address,
    ...[server.weight, server.inflight, server.streams, server.tunnels, server.sessions.live].map(String),
    String(server.sessions.uncopied),
    String(server.loss.sessions + server.loss.exchanges),
  ]);
  around.write(inColumns([head, ...rows], 3));
}

/** What a drain cannot save: sessions that the store has no copy of stay until they end, or are lost. */
function announceLoss(server: ServerView, { writeError }: AdminSurroundings): void {
  const { live, uncopied } = server.sessions;
  if (uncopied === 0) return;
  const them = `${uncopied} of its ${live} sessions have no copy`;
  writeError(`limpet: ${nameOf(server)}: ${them}: they stay until they end, and are lost if it is stopped before\n`);
}

/** '' when nothing is lost. */
function lossLine(server: ServerView, verb: string): string {
  const { sessions, exchanges } = server.loss;
  if (sessions + exchanges === 0) return '';
  return `limpet: ${nameOf(server)}: ${sessions} sessions without a copy and ${exchanges} open exchanges: that ${verb}\n`;
}

/** Warns when no server is left that takes new sessions. */
async function warnOfLast(balancer: AdminClient, { pool, name }: ServerView, around: AdminSurroundings): Promise<void> {
  const servers = await balancer.servers();
  if (servers.some((server) => server.pool === pool && server.state === 'up')) return;
  const undo = `limpet ready ${pool}/${name} takes it back`;
  around.writeError(`limpet: warning: ${pool}/${name} was the last usable server of pool ${pool}: ${undo}\n`);
}

/** Names the nodes of the fleet that have not done what was said: they had five seconds. */
async function warnOfNodes(balancer: AdminClient, around: AdminSurroundings): Promise<void> {
  const fleet = await balancer.get<FleetView>('/v1/fleet').catch((error: unknown) => {
    // Without a fleet there is none; an older balancer has no such path.
    if (error instanceof AdminRefusal && error.status === 404) return null;
    throw error;
  });
  if (fleet === null) return;
  if (fleet.unsent > 0) {
    const why = fleet.reason ?? 'it is sent in a moment';
    around.writeError(`limpet: warning: it holds on this node only until fleet.store answers (${why})\n`);
  }
  for (const { name, self, state, pending, failure } of fleet.nodes) {
    if (self || state !== 'live' || pending === 0) continue;
    around.writeError(`limpet: warning: node ${name} has not done it yet${failure === null ? '' : `: ${failure}`}\n`);
  }
}
