/** `limpet sessions`: where the sessions of a running balancer live. */
import type { ServerView, Status } from '../admin/schemas.ts';
import { AdminClient, type AdminSurroundings, type AskedOptions } from './admin-client.ts';
import { inColumns } from './columns.ts';

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
