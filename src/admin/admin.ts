/**
 * The requests of the admin listener: the state of the balancer as JSON, and the few commands that change it.
 *
 *      GET  /, /assets/<name>                the dashboard; without a token: it asks for one
 *      GET  /status                          servers, their sessions and exchanges, the store, all counters
 *      POST /servers/<pool>/<name>/drain     no new sessions; those with a copy leave with their next request
 *      POST /servers/<pool>/<name>/ready     the server takes new sessions again
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServerState } from '../fleet/health-report.ts';
import { Bearer } from './bearer.ts';
import { DashboardFiles } from './dashboard-files.ts';
import { answer, answerJson, decodePart } from './listen.ts';

export interface ServerStatus {
  readonly pool: string;
  readonly name: string;
  readonly address: string;
  readonly state: ServerState;
  /** An operator has drained it. A server that is down may be drained, too. */
  readonly drained: boolean;
  /** Its open exchanges. */
  readonly inflight: number;
  readonly sessions: { readonly live: number; readonly copied: number; readonly uncopied: number };
}

export interface Status {
  readonly servers: readonly ServerStatus[];
  /** null: no copies of sessions are kept. */
  readonly store: {
    /** The kind only: the address may contain a password. */
    readonly kind: string;
    readonly replication: string;
    readonly incarnation: string;
    /** Copies that are being stored, of responses that have been sent already. */
    readonly lag: number;
  } | null;
  readonly counters: Readonly<Record<string, number>>;
}

export interface AdminDependencies {
  readonly status: () => Promise<Status>;
  /** False: there is no such server. Resolves when every worker has applied it. */
  readonly drain: (pool: string, server: string, drained: boolean) => Promise<boolean>;
  /** '': no token is needed, because it listens where only this user can connect. */
  readonly token: string;
}

export class Admin {
  private readonly deps: AdminDependencies;
  private readonly bearer: Bearer;
  private readonly dashboard = new DashboardFiles();

  constructor(deps: AdminDependencies) {
    this.deps = deps;
    this.bearer = new Bearer(deps.token);
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.resume();
    if (await this.answerFile(request, response)) return;
    if (!this.bearer.admits(request, response)) return;
    // A browser adds Origin: without this check, a page of any site could send commands to a port of its user's machine.
    if (request.headers.origin !== undefined) {
      answer(response, 403);
      return;
    }
    const [, what = '', pool = '', name = '', action = '', ...more] = (request.url ?? '').split('/');
    if (what === 'status' && request.method === 'GET' && pool === '') {
      answerJson(response, 200, await this.deps.status());
    } else if (what === 'servers' && more.length === 0 && (action === 'drain' || action === 'ready')) {
      if (request.method !== 'POST') answer(response, 405, { allow: 'POST' });
      else
        answer(response, (await this.deps.drain(decodePart(pool), decodePart(name), action === 'drain')) ? 204 : 404);
    } else answer(response, 404);
  }

  /** Whether it asks for a file of the dashboard, and has been answered. */
  private async answerFile({ method, url = '' }: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const [path = ''] = url.split('?', 1);
    if (method !== 'GET' || (path !== '/' && !path.startsWith('/assets/'))) return false;
    const file = await this.dashboard.read(path);
    if (file === null) return false;
    answer(response, 200, { ...file.headers, 'content-type': file.contentType }, file.bytes);
    return true;
  }
}
