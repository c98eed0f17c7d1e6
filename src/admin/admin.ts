/**
 * The requests of the admin listener. What answers them (app.ts) is loaded with the first one: a balancer that nobody asks
 * starts without it.
 *
 *      Host (listen.ts) ─> Origin, token (guard.ts) ─> body, at most 1 MiB (exchange.ts) ─> app.ts ─> routes/*.ts
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { DashboardFiles } from './dashboard-files.ts';
import type { AdminDependencies, AdminTokens } from './dependencies.ts';
import { refusalOf } from './guard.ts';
import { answer, answerError } from './listen.ts';

type Serve = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

export class Admin {
  private readonly deps: AdminDependencies;
  private readonly tokens: AdminTokens;
  private readonly dashboard = new DashboardFiles();
  private serve: Promise<Serve> | null = null;

  constructor(deps: AdminDependencies, tokens: AdminTokens) {
    this.deps = deps;
    this.tokens = tokens;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refusal = refusalOf(request, this.tokens);
    if (refusal !== null) {
      request.resume();
      const headers = refusal.status === 401 ? { 'www-authenticate': 'Bearer' } : undefined;
      answerError(response, refusal.status, refusal.code, refusal.message, headers);
      return;
    }
    if (await this.answerFile(request, response)) {
      request.resume();
      return;
    }
    this.serve ??= this.load();
    await (await this.serve)(request, response);
  }

  private async load(): Promise<Serve> {
    try {
      const [{ createApp }, { serveWith }] = await Promise.all([import('./app.ts'), import('./exchange.ts')]);
      const app = createApp(this.deps);
      return (request, response) => serveWith((input) => app.fetch(input), request, response);
    } catch (error) {
      this.serve = null;
      throw error;
    }
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
