/** `limpet drain`, `ready` and `sessions`: what is said and asked about the servers of a running balancer. */
import { setTimeout as sleep } from 'node:timers/promises';
import { findServer, isEmpty } from '../admin/find-server.ts';
import type { ServerView, Status } from '../admin/schemas.ts';
import { AdminClient, type AdminSurroundings, type AskedOptions, serverPath } from './admin-client.ts';
import { inColumns } from './columns.ts';

export interface DrainFlags {
  /** Wait until the server can be stopped without loss. */
  readonly wait?: true;
  /** The longest time to wait, ms; undefined: no limit. */
  readonly timeout?: number;
}

/** Between two requests for the state of a server that drains (ms). */
const pollMs = 250;

/** True when it is done, and with `wait` when the server is empty; false when the time ran out before. Throws UsageError. */
export async function changeServer(
  options: AskedOptions,
  server: string,
  action: 'drain' | 'ready',
  { wait, timeout }: DrainFlags,
  around: AdminSurroundings,
): Promise<boolean> {
  const balancer = new AdminClient(options, around.env);
  const found = findServer(await serversOf(balancer), server);
  await balancer.send('PATCH', serverPath(found), { state: action });
  const name = `${found.pool}/${found.name}`;
  if (action === 'drain' && found.state === 'up') await warnOfLast(balancer, found, around);
  if (action === 'ready' || wait !== true) {
    around.write(`${name}: ${action === 'ready' ? 'ready' : 'draining'}\n`);
    return true;
  }
  const until = timeout === undefined ? Number.POSITIVE_INFINITY : performance.now() + timeout;
  let shown = '';
  for (;;) {
    const status = findServer(await serversOf(balancer), name);
    const { inflight, sessions } = status;
    const state = `${name}: ${inflight} in flight, ${sessions.uncopied} sessions without a copy, ${sessions.copied} with one\n`;
    if (state !== shown) around.write(state);
    shown = state;
    if (isEmpty(status)) {
      around.write(`${name}: empty: it can be stopped\n`);
      return true;
    }
    if (performance.now() >= until) return false;
    await sleep(pollMs);
  }
}

/** Warns when no server is left that takes new sessions. */
async function warnOfLast(balancer: AdminClient, { pool, name }: ServerView, around: AdminSurroundings): Promise<void> {
  const servers = await serversOf(balancer);
  if (servers.some((server) => server.pool === pool && server.state === 'up')) return;
  const undo = `limpet ready ${pool}/${name} takes it back`;
  around.writeError(`limpet: warning: ${pool}/${name} was the last usable server of pool ${pool}: ${undo}\n`);
}

/** Writes a line for each server. */
export async function writeSessions(options: AskedOptions, json: boolean, around: AdminSurroundings): Promise<void> {
  const balancer = new AdminClient(options, around.env);
  const servers = await serversOf(balancer);
  if (json) {
    const { store, counters } = await balancer.get<Status>('/v1/status');
    around.write(`${JSON.stringify({ servers, store, counters }, null, 2)}\n`);
    return;
  }
  const rows = servers.map(({ pool, name, state, drained, inflight, sessions }) => [
    `${pool}/${name}`,
    drained && state === 'down' ? 'down, drained' : state,
    String(sessions.live),
    String(sessions.copied),
    String(sessions.uncopied),
    String(inflight),
  ]);
  around.write(inColumns([['server', 'state', 'sessions', 'copied', 'uncopied', 'in flight'], ...rows], 2));
}

function serversOf(balancer: AdminClient): Promise<readonly ServerView[]> {
  return balancer.get<ServerView[]>('/v1/servers');
}
