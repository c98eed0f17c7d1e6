/** The admin API of a balancer that a test started, over its unix-domain socket. */
import { join } from 'node:path';
import type { ServerView } from '../../src/admin/schemas.ts';
import { ask } from './peers.ts';

export class ServerApi {
  private readonly socketPath: string;

  constructor({ folder }: { readonly folder: string }) {
    this.socketPath = join(folder, 'state', 'admin.sock');
  }

  /** Throws when it is refused. */
  async send<T>(method: 'GET' | 'PATCH' | 'POST' | 'DELETE', path: string, body?: object): Promise<T> {
    const { status, body: text } = await ask(`http://admin/v1${path}`, {
      method,
      socketPath: this.socketPath,
      ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
    return (text === '' ? null : JSON.parse(text)) as T;
  }

  servers(): Promise<readonly ServerView[]> {
    return this.send('GET', '/servers');
  }

  async server(name: string): Promise<ServerView> {
    const found = (await this.servers()).find((one) => one.name === name);
    if (found === undefined) throw new Error(`there is no server ${name}`);
    return found;
  }
}
