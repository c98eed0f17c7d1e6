/** `limpet drain`, `ready` and `sessions`: commands for a running balancer, sent to its admin listener. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerStatus, Status } from '../admin/admin.ts';
import { findServer, isEmpty } from '../admin/find-server.ts';
import type { LimpetOptions } from '../config/options.ts';
import { codeOf, UsageError } from '../errors.ts';
import { type Address, formatAddress } from '../net/socket.ts';
import { http } from '../node-http.ts';
import { addressOf } from '../workers/admin-service.ts';

export interface DrainFlags {
  /** Wait until the server can be stopped without loss. */
  readonly wait?: true;
  /** The longest time to wait, ms; undefined: no limit. */
  readonly timeout?: number;
}

export interface AdminSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly write: (text: string) => void;
  readonly writeError: (text: string) => void;
}

/** Between two requests for the state of a server that drains (ms). */
const pollMs = 250;
/** A balancer that does not answer for this long (ms) counts as not running. */
const answerTimeoutMs = 10_000;

/** True when it is done, and with `wait` when the server is empty; false when the time ran out before. Throws UsageError. */
export async function changeServer(
  options: Pick<LimpetOptions, 'admin' | 'stateDir'>,
  server: string,
  action: 'drain' | 'ready',
  { wait, timeout }: DrainFlags,
  around: AdminSurroundings,
): Promise<boolean> {
  const balancer = new Balancer(options, around.env);
  const found = findServer((await balancer.status()).servers, server);
  await balancer.change(found, action);
  const name = `${found.pool}/${found.name}`;
  if (action === 'drain' && found.state === 'up') await warnOfLast(balancer, found, around);
  if (action === 'ready' || wait !== true) {
    around.write(`${name}: ${action === 'ready' ? 'ready' : 'draining'}\n`);
    return true;
  }
  const until = timeout === undefined ? Number.POSITIVE_INFINITY : performance.now() + timeout;
  let shown = '';
  for (;;) {
    const status = findServer((await balancer.status()).servers, name);
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
async function warnOfLast(balancer: Balancer, { pool, name }: ServerStatus, around: AdminSurroundings): Promise<void> {
  const { servers } = await balancer.status();
  if (servers.some((server) => server.pool === pool && server.state === 'up')) return;
  const undo = `limpet ready ${pool}/${name} takes it back`;
  around.writeError(`limpet: warning: ${pool}/${name} was the last usable server of pool ${pool}: ${undo}\n`);
}

/** Writes a line for each server. */
export async function writeSessions(
  options: Pick<LimpetOptions, 'admin' | 'stateDir'>,
  json: boolean,
  around: AdminSurroundings,
): Promise<void> {
  const status = await new Balancer(options, around.env).status();
  if (json) {
    around.write(`${JSON.stringify(status, null, 2)}\n`);
    return;
  }
  const rows = status.servers.map(({ pool, name, state, drained, inflight, sessions }) => [
    `${pool}/${name}`,
    drained && state === 'down' ? 'down, drained' : state,
    String(sessions.live),
    String(sessions.copied),
    String(sessions.uncopied),
    String(inflight),
  ]);
  around.write(inColumns([['server', 'state', 'sessions', 'copied', 'uncopied', 'in flight'], ...rows]));
}

function inColumns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const line = (row: readonly string[]) =>
    row.map((text, i) => (i < 2 ? text.padEnd(widths[i]!) : text.padStart(widths[i]!))).join('  ');
  return `${rows.map(line).join('\n')}\n`;
}

class Balancer {
  private readonly address: Address;
  private readonly token: string;

  constructor({ admin, stateDir }: Pick<LimpetOptions, 'admin' | 'stateDir'>, env: AdminSurroundings['env']) {
    const address = admin.listen === null ? null : addressOf(admin.listen, stateDir);
    if (address === null) throw new UsageError('the config has no admin.listen: the balancer cannot be asked');
    this.address = address;
    this.token = env.LIMPET_ADMIN_TOKEN ?? admin.token;
  }

  async status(): Promise<Status> {
    return JSON.parse(await this.send('GET', '/status')) as Status;
  }

  async change({ pool, name }: ServerStatus, action: 'drain' | 'ready'): Promise<void> {
    await this.send('POST', `/servers/${encodeURIComponent(pool)}/${encodeURIComponent(name)}/${action}`);
  }

  private send(method: string, path: string): Promise<string> {
    const { address, token } = this;
    const where =
      address.kind === 'unix'
        ? { socketPath: address.path }
        : { host: address.host || '127.0.0.1', port: address.port };
    const headers = token === '' ? {} : { authorization: `Bearer ${token}` };
    const at = formatAddress(address);
    return new Promise((resolve, reject) => {
      const request = http.request({ ...where, method, path, headers, timeout: answerTimeoutMs }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
        response.on('error', reject);
        response.on('end', () => {
          const { statusCode = 0 } = response;
          if (statusCode === 401) reject(new UsageError(`${at} asks for another token: set LIMPET_ADMIN_TOKEN`));
          else if (statusCode >= 300) reject(new UsageError(`${at} answers ${statusCode}`));
          else resolve(text);
        });
      });
      request.on('timeout', () => request.destroy(new Error('timeout')));
      request.on('error', (error) => reject(new UsageError(`no balancer answers at ${at}: ${whyNoAnswer(error)}`)));
      request.end();
    });
  }
}

function whyNoAnswer(error: Error): string {
  switch (codeOf(error)) {
    case 'ENOENT':
      return 'there is no such socket. Does it run, and with the same config and state folder?';
    case 'ECONNREFUSED':
      return 'nobody listens there. Does it run, and with the same config?';
    case 'EACCES':
    case 'EPERM':
      return 'no permission: ask as the user that runs it';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the name does not resolve';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
      return 'this machine cannot reach it';
    default:
      return error.message === 'timeout'
        ? `no answer within ${answerTimeoutMs} ms`
        : `what answers there is no balancer, or the connection broke (${codeOf(error)})`;
  }
}
