/**
 * The balancer's own connections, exchanges and pool on a network without a kernel: the test plays the clients and the servers,
 * ends each turn of the event loop, and moves the time. Nothing happens but what the test does next.
 */

import { TokenRings } from '../../src/affinity/token.ts';
import { createPool } from '../../src/balancer/pools.ts';
import { readConfig } from '../../src/config/read.ts';
import { type SessionEvent, SessionEventBatch } from '../../src/events/session-events.ts';
import { Connects } from '../../src/fleet/connects.ts';
import type { HeadLimits } from '../../src/http/head.ts';
import { ReservedHeaders } from '../../src/http/reserved-headers.ts';
import { lineFormatOf } from '../../src/metrics/access-formats.ts';
import { AccessLog } from '../../src/metrics/access-log.ts';
import { trustOf } from '../../src/net/trust.ts';
import { BufferBudget } from '../../src/proxy/buffer-budget.ts';
import { H1ClientConnection } from '../../src/proxy/client/h1-connection.ts';
import { H2ClientConnection } from '../../src/proxy/client/h2-connection.ts';
import { h2SettingsOf } from '../../src/proxy/client/h2-settings.ts';
import { ListenerContext } from '../../src/proxy/client/listener-context.ts';
import { DebugLog } from '../../src/proxy/debug-log.ts';
import { ExchangePool } from '../../src/proxy/exchange-pool.ts';
import type { RequestTracing } from '../../src/proxy/request-tracing.ts';
import { PoolContext } from '../../src/proxy/server/pool-context.ts';
import { WriteBuffers } from '../../src/proxy/write-buffers.ts';
import { createSingleWorker } from '../../src/shared/single-worker.ts';
import { Wheel } from '../../src/time/wheel.ts';
import { FakeNet, FakePeer } from './fake-net.ts';
import { HandTime } from './hand-time.ts';
import { wideLimits } from './heads.ts';
import { createWorkerContext } from './worker-context.ts';

export interface StagedBalancer {
  /** Connections to servers are its `peers`. */
  readonly net: FakeNet;
  readonly counters: () => Record<string, number>;
  /** Of the debug log, and of the access log, up to now. */
  readonly debugLines: string[];
  /** Those that are older than 100 ms. */
  readonly sessionEvents: readonly SessionEvent[];
  readonly accessLines: () => Record<string, unknown>[];
  /** What the pool has told of servers that break HTTP. */
  readonly misframed: readonly string[];
  /** A client has connected; `refused`: it is one too many. */
  connect(refused?: boolean): FakePeer;
  /** The callbacks of all sockets that are ready have been called. */
  endTurn(): void;
  advance(ms: number): void;
}

/** Of the listener. */
export interface StageOptions {
  readonly trusted?: readonly string[];
  readonly bodyBytes?: number;
  readonly lingerBytes?: number;
  /** Ms. */
  readonly linger?: number;
  readonly limits?: Partial<HeadLimits>;
  /** Clients speak HTTP/2. */
  readonly h2?: boolean;
  /** Left out: requests have neither ids nor traces. */
  readonly tracing?: RequestTracing;
  /** Headers that no client may send. */
  readonly reserved?: readonly string[];
}

/** `pool` as in a config; its servers are `a`, `b` and so on, as many as are asked for. */
export function stageBalancer(
  pool: Readonly<Record<string, unknown>>,
  servers = 1,
  {
    trusted = [],
    bodyBytes = 0,
    lingerBytes = 2 ** 30,
    linger = 60_000,
    limits = {},
    h2 = false,
    tracing: requestTracing,
    reserved = [],
  }: StageOptions = {},
): StagedBalancer {
  const names = Array.from({ length: servers }, (_, i) => String.fromCharCode(97 + i));
  const written = {
    listeners: [{ address: '127.0.0.1:1' }],
    pools: { app: { servers: names.map((name, i) => ({ name, address: `127.0.0.1:${i + 2}` })), ...pool } },
  };
  const source = { name: 'test', locate: () => null };
  const { options } = readConfig(written, { source, env: {}, variables: false });
  const time = new HandTime();
  const wheel = new Wheel(time.monotonic());
  const { shared, numbers } = createSingleWorker(options, 1000);
  const net = new FakeNet();
  const turns: (() => void)[] = [];
  net.afterTurn = (run) => void turns.push(run);
  const misframed: string[] = [];
  const { counters } = shared;
  const kept = new BufferBudget(2 ** 24, wheel, counters, (run) => net.afterTurn(run));
  const logged: string[] = [];
  const debugLines: string[] = [];
  const accessLog = new AccessLog(
    lineFormatOf('json'),
    (lines) => void logged.push(lines),
    time,
    () => {},
  );
  const debug = new DebugLog((message) => void debugLines.push(message), time);
  const sessionEvents: SessionEvent[] = [];
  const send = (batch: readonly SessionEvent[]) => void sessionEvents.push(...batch);
  const events = new SessionEventBatch({ send, clock: time, timers: time, counters });
  const tracing = requestTracing ?? null;
  const worker = createWorkerContext({
    net,
    clock: time,
    wheel,
    counters,
    buffers: kept,
    accessLog,
    debug,
    events,
    tracing,
  });
  const buffers = new WriteBuffers(net);
  const heads = { ...wideLimits, ...limits };
  const keys = [Buffer.alloc(32, 1)];
  const made = createPool(options.pools[0]!, {
    context: new PoolContext(worker, buffers.requests, heads),
    shared,
    numbers,
    secret: Buffer.alloc(32),
    keys,
    idKeys: { tokens: keys, hash: keys[0]!, store: Buffer.alloc(32) },
    connects: new Connects(4096, null),
    skew: 60,
    rings: new TokenRings(),
    identify: false,
    copies: null,
    owners: null,
    report: (_pool, server, report) => {
      if (report.what === 'misframed') misframed.push(`${server.split(' ', 1)[0]}: ${report.how}`);
    },
    reportForeignCookie() {},
    announceRoom() {},
    random: () => 0,
    randomWords: (words) => void words.fill(1),
    otherNodes: null,
    tlsOf: () => () => null,
    observe: (parts) => parts,
  });
  const route = () => ({ pool: made, affinity: true });
  const context = new ListenerContext(worker, buffers, heads, route, null, new ReservedHeaders(reserved));
  const exchanges = new ExchangePool(context);
  const [listener] = options.listeners;
  const settings = {
    name: 'test',
    isTrusted: trustOf(trusted),
    hsts: '',
    protocols: listener!.protocols,
    certificates: null,
    upgrades: listener!.upgrades,
    halfClose: false,
    bodyBytes,
    lingerBytes,
    h2: h2SettingsOf({ ...heads, h2: listener!.limits.h2 }, true),
    onReplace() {},
    timeouts: { ...listener!.timeouts, linger },
    onClose() {},
  };
  return {
    net,
    misframed,
    debugLines,
    sessionEvents,
    counters: () => shared.counters.snapshot(),
    accessLines: () => {
      accessLog.flush();
      const lines = logged.join('').split('\n').slice(0, -1);
      return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    },
    connect: (refused = false) => {
      const peer = FakePeer.connected();
      const Connection = h2 ? H2ClientConnection : H1ClientConnection;
      const connection = new Connection(context, settings, exchanges, peer);
      peer.handler = connection;
      if (refused) connection.refuseConnection();
      return peer;
    },
    endTurn: () => {
      for (const run of turns.splice(0)) run();
    },
    advance: (ms) => {
      time.advance(ms);
      wheel.turn(time.monotonic());
    },
  };
}
