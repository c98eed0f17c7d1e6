/** A client with a cookie jar, and a way to start an app server in the test's own process. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { host } from '../../support/host.ts';

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Headers;
}

interface FetchOptions {
  readonly method: string;
  readonly redirect: 'manual';
  readonly headers: Record<string, string>;
  readonly body?: string;
}

interface FetchResponse {
  readonly status: number;
  readonly headers: Headers;
  text(): Promise<string>;
}

export type Fetch = (url: string, options: FetchOptions) => Promise<FetchResponse>;

export class Client {
  readonly jar = new Map<string, string>();
  private readonly base: string;
  private readonly fetch: Fetch;

  /** `fetcher`: how it asks, when not as Node does. */
  constructor(base: string, fetcher: Fetch = fetch) {
    this.base = base;
    this.fetch = fetcher;
  }

  /** Id of the balancer's session, '' before there is one. */
  get id(): string {
    return this.jar.get('limpet') ?? '';
  }

  /** Another client with the same cookies, as a second tab; perhaps at another address. */
  twin(base = this.base): Client {
    const twin = new Client(base, this.fetch);
    for (const [name, value] of this.jar) twin.jar.set(name, value);
    return twin;
  }

  get(path: string): Promise<Answer> {
    return this.send('GET', path);
  }

  /** The Cookie header of its requests. */
  get cookie(): string {
    return [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  async send(method: string, path: string, headers: Record<string, string> = {}, body?: string): Promise<Answer> {
    const response = await this.fetch(this.base + path, {
      method,
      redirect: 'manual',
      headers: { cookie: this.cookie, ...headers },
      ...(body !== undefined && { body }),
    });
    this.keep(response.headers);
    return { status: response.status, body: await response.text(), headers: response.headers };
  }

  private keep(headers: Headers): void {
    for (const line of headers.getSetCookie()) {
      const [name = '', value = ''] = (line.split(';', 1)[0] ?? '').split('=');
      if (value === '' || /max-age=0/i.test(line)) this.jar.delete(name);
      else this.jar.set(name, value);
    }
  }
}

export interface RunningApp extends AsyncDisposable {
  readonly port: number;
  readonly server: Server;
}

export async function serve(listener: RequestListener): Promise<RunningApp> {
  const server = createServer(listener);
  await new Promise<void>((done) => server.listen(0, host, done));
  return {
    port: (server.address() as AddressInfo).port,
    server,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

/** A promise that a test settles by hand: what a handler waits at. */
export function signal(): { readonly reached: Promise<void>; readonly fire: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { reached: promise, fire: () => resolve() };
}
