/**
 * An HTTP/1.1 connection to a server on a network without a kernel, and without a pool or exchanges behind it: the test plays the server
 * (`peer`), the exchanges, and the pool, and moves the time.
 */
import type { Fault } from '../../src/errors.ts';
import { Server } from '../../src/fleet/server.ts';
import { Method, type ResponseHead } from '../../src/http/head.ts';
import type { SessionCommand } from '../../src/http/session-headers.ts';
import { HeadWriter } from '../../src/http/writer.ts';
import { Counters } from '../../src/metrics/counters.ts';
import type { PoolConnection } from '../../src/proxy/server/connections.ts';
import { H1ServerConnection } from '../../src/proxy/server/h1-connection.ts';
import { PipeliningGuard } from '../../src/proxy/server/pipelining-guard.ts';
import { PoolContext } from '../../src/proxy/server/pool-context.ts';
import { RequestBatch } from '../../src/proxy/server/request-batch.ts';
import type { ResponseHandler } from '../../src/proxy/server/response-handler.ts';
import type { SentBody, ServerConnection } from '../../src/proxy/server/server-connection.ts';
import { Wheel } from '../../src/time/wheel.ts';
import { createConnectionOwner } from './connection-owner.ts';
import { FakeNet } from './fake-net.ts';
import { HandTime } from './hand-time.ts';
import { wideLimits } from './heads.ts';
import { createWorkerContext } from './worker-context.ts';

const address = { kind: 'tcp', host: '127.0.0.1', port: 1 } as const;

export const noBody: SentBody = { held: [], ended: true, trailers: null };

interface HandlerOptions {
  readonly method?: number;
  readonly mayUpgrade?: boolean;
  readonly clientNumber?: number;
  /** The response waits at its head, or at its end. */
  readonly holds?: 'head' | 'data' | 'end';
}

/** An exchange's side of a response: writes down what it is told. */
export class PlayedHandler implements ResponseHandler {
  readonly method: number;
  readonly mayUpgrade: boolean;
  readonly clientNumber: number;
  /** `200`, `abc`, `end, reusable` and the like, in order. */
  readonly events: string[] = [];
  private readonly connection: ServerConnection;
  private holds: 'head' | 'data' | 'end' | null;
  private body = '';

  constructor(connection: ServerConnection, options: HandlerOptions = {}) {
    const { method = Method.get, mayUpgrade = false, clientNumber = 1, holds = null } = options;
    this.connection = connection;
    this.method = method;
    this.mayUpgrade = mayUpgrade;
    this.clientNumber = clientNumber;
    this.holds = holds;
  }

  onInterim({ status }: ResponseHead): void {
    this.events.push(`${status}`);
  }

  mustHold(): boolean {
    return this.holdsOnce('head');
  }

  mustHoldEnd(command: SessionCommand | 'bad'): boolean {
    this.events.push(command === 'bad' ? 'bad trailer' : 'trailer');
    return this.holdsOnce('end');
  }

  onResponse({ status }: ResponseHead): void {
    this.events.push(`${status}`);
  }

  onResponseData(bytes: Buffer, start: number, end: number): boolean {
    this.body += bytes.toString('latin1', start, end);
    return this.holdsOnce('data');
  }

  onResponseEnd(_trailers: Buffer | null, reusable: boolean): void {
    this.tellBody();
    this.events.push(reusable ? 'end, reusable' : 'end');
    this.connection.release(reusable);
  }

  onUpgrade(head: ResponseHead, early: Buffer | null): void {
    this.events.push(`${head.status}, early ${early?.toString('latin1') ?? 'nothing'}`);
  }

  onServerDrain(): void {
    this.events.push('drain');
  }

  flush(): void {
    this.tellBody();
  }

  onServerFault({ code }: Fault): void {
    this.tellBody();
    this.events.push(this.connection.isUnwritten ? `${code}, unwritten` : code);
    this.connection.abort(this);
  }

  onRequeued(): void {
    this.events.push(this.connection.isUnwritten ? 'requeued, unwritten' : 'requeued');
  }

  private tellBody(): void {
    if (this.body !== '') this.events.push(this.body);
    this.body = '';
  }

  private holdsOnce(what: 'head' | 'data' | 'end'): boolean {
    if (this.holds !== what) return false;
    this.holds = null;
    this.events.push(`held at its ${what}`);
    return true;
  }
}

export function stageServer({ interim = 1000, maxIdle = 1 } = {}) {
  const time = new HandTime();
  const wheel = new Wheel(time.monotonic());
  const counters = new Counters();
  const net = new FakeNet();
  const turns: (() => void)[] = [];
  net.afterTurn = (run) => void turns.push(run);
  const worker = createWorkerContext({ net, clock: time, wheel, counters });
  const context = new PoolContext(worker, new RequestBatch(net), wideLimits);
  const server = new Server({ name: 'a', address, weight: 1, maxRequests: 0 }, 1, 0);
  const guard = new PipeliningGuard();
  const idle = new Set<PoolConnection>();
  /** What the pool was told of bytes that HTTP does not allow. */
  const misframed: string[] = [];
  const pool = createConnectionOwner({
    settings: { name: 'app', limits: { interim } },
    addIdle: (one) => {
      if (idle.size >= maxIdle) return false;
      idle.add(one);
      one.quarantinedUntil = time.monotonic() + 100;
      wheel.set(one.deadline, one.quarantined ? 100 : 60_000);
      return true;
    },
    removeIdle: (one) => void idle.delete(one),
    onMisframed: (_connection, how) => {
      misframed.push(how);
      server.setMisframed(true);
    },
    pipeliningGuardOf: () => guard,
  });
  net.connect(address, {
    onOpen: (socket) => new H1ServerConnection(context, pool, server, socket),
    onFail() {},
  });
  const peer = net.last;
  peer.open();
  const connection = peer.handler as H1ServerConnection;
  const out = new HeadWriter(1024);

  /** Takes it from the idle ones, as the pool does. */
  function take(): void {
    idle.delete(connection);
    wheel.set(connection.deadline, 0);
  }

  return {
    connection,
    peer,
    server,
    guard,
    misframed,
    counters: () => counters.snapshot(),
    isIdle: () => idle.has(connection),
    /** A request without a body, or with this one, written at once. */
    send: (options: HandlerOptions = {}, { body = noBody, chunked = false } = {}): PlayedHandler => {
      take();
      const handler = new PlayedHandler(connection, options);
      connection.begin(handler, chunked);
      out.clear();
      out.text('GET / HTTP/1.1\r\n\r\n');
      connection.send(out, body);
      return handler;
    },
    /** Requests of one loop turn. */
    gather: (count: number, { mayPipeline = true, ...options }: HandlerOptions & { mayPipeline?: boolean } = {}) => {
      take();
      return Array.from({ length: count }, (_, i) => {
        const handler = new PlayedHandler(connection, options);
        connection.gather(handler, false, mayPipeline).text(`GET /${i} HTTP/1.1\r\n\r\n`);
        connection.appendBody(noBody, out);
        return handler;
      });
    },
    out,
    endTurn: () => {
      for (const run of turns.splice(0)) run();
    },
    advance: (ms: number) => {
      time.advance(ms);
      wheel.turn(time.monotonic());
    },
  };
}
