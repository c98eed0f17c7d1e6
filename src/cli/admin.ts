/** `limpet sessions`: where the sessions of a running balancer live. */
import type { Status } from '../admin/schemas.ts';
import { AdminClient, type AdminSurroundings, type AskedOptions } from './admin-client.ts';
import { inColumns } from './columns.ts';
import { nameOf, stateOf } from './server-words.ts';

/** Writes a line for each server. */
export async function writeSessions(options: AskedOptions, json: boolean, around: AdminSurroundings): Promise<void> {
  const balancer = new AdminClient(options, around.env);
  const servers = await balancer.servers();
  if (json) {
    const { store, counters } = await balancer.get<Status>('/v1/status');
    around.write(`${JSON.stringify({ servers, store, counters }, null, 2)}\n`);
    return;
  }
  const rows = servers.map((server) => {
    const { sessions, inflight } = server;
    const counts = [sessions.live, sessions.copied, sessions.uncopied, inflight];
    return [nameOf(server), stateOf(server), ...counts.map(String)];
  });
  around.write(inColumns([['server', 'state', 'sessions', 'copied', 'uncopied', 'in flight'], ...rows], 2));
}
