/** The sides of which each behaviour is told: the library itself with its own store, and ours with each strategy. */
import { randomBytes } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type NodeSessions, type SessionOptions, sessions } from '../../../../src/session/index.ts';
import { openStore } from '../../../../src/store/open.ts';
import { type Store, StoreError, silentEviction } from '../../../../src/store/store.ts';
import { systemClock, systemTimers } from '../../../../src/time/clock.ts';
import { host } from '../../../support/host.ts';
import { startLimpet } from '../../../support/limpet.ts';
import { RedisServer } from '../../../support/redis.ts';
import type { Runtime } from '../../../support/runtimes.ts';
import type { Behaviour, Faults } from './behaviour.ts';
import { Client } from './client.ts';
import { Transcript } from './transcript.ts';

export const sideNames = ['local', 'shared', 'sticky'] as const;
export type SideName = (typeof sideNames)[number];

interface SideParts {
  readonly limpet: NodeSessions | null;
  readonly server: Server;
  /** Port that browsers ask; that of the server when nothing stands in front. */
  readonly front?: number;
  readonly faults?: Faults;
  readonly end?: () => Promise<void>;
}

export class Side implements AsyncDisposable {
  private readonly limpet: NodeSessions | null;
  private readonly server: Server;
  private readonly front: number;
  private readonly faults: Faults;
  private readonly end: () => Promise<void>;
  private readonly apps = new Map<string, RequestListener>();

  constructor({ limpet, server, front = portOf(server), faults = { current: null }, end = async () => {} }: SideParts) {
    this.limpet = limpet;
    this.server = server;
    this.front = front;
    this.faults = faults;
    this.end = end;
    server.on('request', (request, response) => {
      const app = this.apps.get(String(request.headers['x-behaviour']));
      if (app === undefined) response.writeHead(404).end();
      else app(request, response);
    });
  }

  /** Tells them one after the other; what was seen of each. */
  async play(behaviours: readonly Behaviour[]): Promise<(readonly string[])[]> {
    const all: (readonly string[])[] = [];
    for (const one of behaviours) all.push(await this.playOne(one));
    return all;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    await this.limpet?.close();
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  private async playOne({ secrets, listen, play }: Behaviour): Promise<readonly string[]> {
    const { limpet, faults } = this;
    const transcript = new Transcript(secrets);
    const name = randomBytes(8).toString('hex');
    try {
      this.apps.set(name, await listen({ limpet, transcript, faults }));
      await play(new Client(this.front, name, transcript), { fault: (method) => void (faults.current = method) });
    } catch (error) {
      transcript.note('threw', error);
    } finally {
      faults.current = null;
      this.apps.delete(name);
    }
    return transcript.lines;
  }
}

/** Of ours, the methods that those of the libraries' stores come to: their session is a part of ours, and ends by a put without it. */
const methods = {
  get: ['read'],
  set: ['put', 'rotate'],
  destroy: ['put', 'destroy', 'rotate'],
  touch: ['touch'],
} as const;

function faulty(store: Store, faults: Faults): Store {
  return new Proxy(store, {
    get(target, name) {
      const failing: readonly unknown[] = faults.current === null ? [] : methods[faults.current];
      if (failing.includes(name)) return () => Promise.reject(new StoreError('unavailable', 'the store is away'));
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

const quiet: Pick<SessionOptions, 'onError'> = { onError: () => {} };

/** The library itself. */
export async function reference(): Promise<Side> {
  return new Side({ limpet: null, server: await listening() });
}

export const sides: Readonly<Record<SideName, (runtime: Runtime) => Promise<Side>>> = {
  async local() {
    return new Side({ limpet: sessions({ strategy: 'local', ...quiet }), server: await listening() });
  },

  async shared() {
    const redis = await RedisServer.start();
    const store = await openStore(redis.url, {
      ...{ secret: null, tombstoneTime: 60_000, stateBytes: 1 << 20, timeout: 5000, sync: true },
      ...{ eviction: silentEviction, clock: systemClock, timers: systemTimers },
    });
    const faults: Faults = { current: null };
    const limpet = sessions({ strategy: 'shared', store: faulty(store, faults), ...quiet });
    const end = async () => {
      await store.close();
      await redis.kill();
    };
    return new Side({ limpet, server: await listening(), faults, end });
  },

  /** Behind a real balancer. */
  async sticky(runtime) {
    const server = await listening();
    const secret = 'shared by the balancer and its servers, for tests';
    const servers = [{ name: 's0', address: `${host}:${portOf(server)}` }];
    // As behind a proxy that ends TLS; of nobody else the header is believed.
    const listeners = [{ address: `${host}:0`, trustedProxies: ['127.0.0.0/8'] }];
    // What the apps of these stories say of their cookies is allowed.
    const cookie = { app: { maxAge: '2160h', sameSite: 'None', domain: 'example.org' } };
    const pools = { app: { servers, affinity: [{ cookie }] } };
    const config = { listeners, pools, sessions: { store: 'memory', secret } };
    const balancer = await startLimpet(runtime, { config });
    const limpet = sessions({ strategy: 'sticky', secret, ...quiet });
    return new Side({ limpet, server, front: balancer.port, end: async () => balancer[Symbol.asyncDispose]() });
  },
};

async function listening(): Promise<Server> {
  const server = createServer();
  // A connection that the server closes in the moment in which the browser asks would look like an answer.
  server.keepAliveTimeout = 0;
  await new Promise<void>((done) => server.listen(0, host, done));
  return server;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
