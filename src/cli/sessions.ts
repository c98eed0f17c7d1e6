/** `limpet sessions list`, `find`, `move` and `end`: single sessions of a running balancer. */
import type { FoundSession, SessionPage } from '../admin/schemas.ts';
import { UsageError } from '../errors.ts';
import { AdminClient, type AdminSurroundings, type AskedOptions } from './admin-client.ts';
import { inColumns } from './columns.ts';

export type SessionsCommand =
  | {
      readonly what: 'list';
      readonly pool?: string;
      readonly server?: string;
      readonly limit: number;
      readonly json: boolean;
    }
  | { readonly what: 'find'; readonly query: Readonly<Record<string, unknown>>; readonly json: boolean }
  | {
      readonly what: 'move';
      readonly session: string;
      readonly to: string;
      readonly pool?: string;
      readonly force: boolean;
    }
  | { readonly what: 'end'; readonly session: string; readonly pool?: string };

export async function runSessions(
  command: SessionsCommand,
  options: AskedOptions,
  around: AdminSurroundings,
): Promise<void> {
  const balancer = new AdminClient(options, around.env);
  switch (command.what) {
    case 'list':
      return list(command, balancer, around);
    case 'find':
      return find(command, balancer, around);
    case 'move': {
      const { session, to, force } = command;
      const pool = await poolOf(balancer, session, command.pool);
      await balancer.send('POST', '/v1/sessions/move', { pool, session, to, force });
      around.write(`${pool} ${session}: goes to ${to} with its next request\n`);
      return;
    }
    case 'end': {
      const { session } = command;
      const pool = await poolOf(balancer, session, command.pool);
      const { state } = await balancer.send<{ state: string }>('POST', '/v1/sessions/end', { pool, session });
      const later = state === 'ending' ? '; the store gets to know when it is back' : '';
      around.write(`${pool} ${session}: ended${later}\n`);
    }
  }
}

/** Pages are asked for until there are enough. */
async function list(
  { pool, server, limit, json }: Extract<SessionsCommand, { what: 'list' }>,
  balancer: AdminClient,
  around: AdminSurroundings,
): Promise<void> {
  const found: SessionPage['sessions'] = [];
  let cursor: string | null = '0';
  while (cursor !== null && found.length < limit) {
    const query = new URLSearchParams({ cursor, limit: String(Math.min(1000, limit)) });
    if (pool !== undefined) query.set('pool', pool);
    if (server !== undefined) query.set('server', server);
    const page: SessionPage = await balancer.get(`/v1/sessions?${query}`);
    found.push(...page.sessions);
    cursor = page.cursor;
  }
  const shown = found.slice(0, limit);
  if (json) {
    around.write(`${JSON.stringify(shown, null, 2)}\n`);
    return;
  }
  const rows = shown.map(({ id, pool, server, epoch, seen, copied, inflight }) => [
    id,
    `${pool}/${server ?? '(gone)'}`,
    String(epoch),
    seen,
    copied ? 'copied' : 'no copy',
    inflight === 0 ? '' : `${inflight} in flight`,
  ]);
  around.write(inColumns([['session', 'server', 'epoch', 'seen', 'copy', ''], ...rows]));
}

async function find(
  { query, json }: Extract<SessionsCommand, { what: 'find' }>,
  balancer: AdminClient,
  around: AdminSurroundings,
): Promise<void> {
  const { found } = await balancer.send<{ found: FoundSession[] }>('POST', '/v1/sessions/find', query);
  if (json) around.write(`${JSON.stringify(found, null, 2)}\n`);
  else if (found.length === 0) around.write('no session is recognised\n');
  else for (const one of found) around.write(describe(one));
}

function describe({ pool, affinity, id, state, server, why, session, copy }: FoundSession): string {
  const known = { table: 'the table', token: 'its token', config: 'the config' };
  // By the first half of an id the copy itself cannot be found: what the table knows of it.
  const noted = session?.copied ? `version ${session.version}` : 'none';
  const lines = [
    `${pool} ${id ?? '(no id)'}, recognised by ${affinity}`,
    `  server  ${server ?? 'none yet'}${why === null ? '' : `, as ${known[why]} says`}`,
    `  table   ${state}${session === null ? '' : `, epoch ${session.epoch}, since ${session.born}, seen ${session.seen}`}`,
    `  copy    ${copy === null ? noted : `version ${copy.version}, ${copy.bytes} bytes, until ${copy.expires}`}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** Where only one pool has a session of that id, its name need not be given. */
async function poolOf(balancer: AdminClient, id: string, named: string | undefined): Promise<string> {
  if (named !== undefined) return named;
  const { found } = await balancer.send<{ found: FoundSession[] }>('POST', '/v1/sessions/find', { id });
  const pools = found.filter(({ state, copy }) => state === 'live' || copy !== null).map(({ pool }) => pool);
  if (pools.length === 1 && pools[0] !== undefined) return pools[0];
  if (pools.length === 0) throw new UsageError(`there is no session ${id}`);
  throw new UsageError(`several pools have a session ${id}: add --pool, one of ${pools.join(', ')}`);
}
