/**
 * A client's connection on a network without a kernel, and without a balancer behind it: the test plays the client (`peer`) and
 * the exchanges, and moves the time.
 */

import { defaults } from '../../src/config/defaults.ts';
import type { Fault } from '../../src/errors.ts';
import type { RequestHead } from '../../src/http/head.ts';
import { Splice } from '../../src/http/splice.ts';
import { Counters } from '../../src/metrics/counters.ts';
import type { Socket, SocketHandler } from '../../src/net/socket.ts';
import { BufferBudget } from '../../src/proxy/buffer-budget.ts';
import { type Client, noReference } from '../../src/proxy/client/client.ts';
import type { ClientConnection } from '../../src/proxy/client/client-connection.ts';
import { H1ClientConnection } from '../../src/proxy/client/h1-connection.ts';
import { h2SettingsOf } from '../../src/proxy/client/h2-settings.ts';
import { ListenerContext } from '../../src/proxy/client/listener-context.ts';
import type { ListenerSettings } from '../../src/proxy/client/listener-settings.ts';
import type { ExchangeSource, RequestHandler } from '../../src/proxy/client/request-handler.ts';
import { WriteBuffers } from '../../src/proxy/write-buffers.ts';
import { Wheel } from '../../src/time/wheel.ts';
import { FakeNet, FakePeer } from './fake-net.ts';
import { HandTime } from './hand-time.ts';
import { responseWith, wideLimits } from './heads.ts';
import { createWorkerContext } from './worker-context.ts';

/** An exchange that writes down what it is told, and does what the test says. */
export class PlayedExchange implements RequestHandler {
  /** `GET /a`, `body abc`, `end` and the like, in order. */
  readonly events: string[] = [];
  /** The head of the request. */
  head = '';
  private begun: Client | null = null;

  get client(): Client {
    if (this.begun === null) throw new Error('no request has begun');
    return this.begun;
  }

  begin(client: Client, head: RequestHead, raw: Buffer, start: number, mayUpgrade: boolean): void {
    const line = raw.toString('latin1', start, raw.indexOf(' HTTP/', start, 'latin1'));
    this.begun = client;
    this.head = raw.toString('latin1', start, raw.indexOf('\r\n\r\n', start, 'latin1'));
    this.events.push(mayUpgrade ? `${line}, upgrade` : line);
    if (head.length !== 0) this.events.push(head.chunked ? 'a body in chunks' : `a body of ${head.length}`);
  }

  start(): void {
    this.events.push('start');
  }

  onRequestData(piece: Buffer): void {
    this.events.push(`body ${piece.toString('latin1')}`);
  }

  onRequestEnd(trailers: Buffer | null): void {
    this.events.push(trailers === null ? 'end' : `end ${trailers.toString('latin1')}`);
  }

  /** As the exchange does: the client gets an error, or, once a response has begun, an end that shows that it is cut. */
  onRequestFault(fault: Fault): void {
    this.events.push(fault.code);
    this.client.refuse(fault, null, noReference);
    this.client.onExchangeEnd();
  }

  onClientDrain(): void {
    this.events.push('drain');
  }

  onClientFull(): void {
    this.events.push('full');
  }

  onClientGone(): void {
    this.events.push('gone');
    this.client.onExchangeEnd();
  }

  /** The head of a response; `length` negative: it is not known. */
  respond(length: number): void {
    const lines = length < 0 ? [] : [`Content-Length: ${length}`];
    this.client.sendHead(responseWith(200, 'Date: now', ...lines), new Splice(), length);
  }

  data(text: string): boolean {
    return this.client.sendData(Buffer.from(text), 0, text.length);
  }

  finish(trailers: string | null = null): void {
    this.client.finish(trailers === null ? null : Buffer.from(trailers));
    this.client.onExchangeEnd();
  }

  /** A whole response. */
  answer(body: string): void {
    this.respond(body.length);
    this.data(body);
    this.finish();
  }
}

export type Settings = Partial<Omit<ListenerSettings, 'timeouts'>> & {
  readonly timeouts?: Partial<ListenerSettings['timeouts']>;
};

const timeouts = {
  handshake: 10_000,
  requestHead: 10_000,
  requestBody: 30_000,
  keepAlive: 60_000,
  write: 30_000,
  linger: 60_000,
};

/** Makes the connection under test. */
export type MakeConnection<T> = new (
  context: ListenerContext,
  settings: ListenerSettings,
  exchanges: ExchangeSource,
  socket: Socket,
) => T;

export function stageClient(settings: Settings = {}, budgetBytes = 2 ** 20) {
  return stageConnection(H1ClientConnection, settings, budgetBytes);
}

export function stageConnection<T extends ClientConnection & SocketHandler>(
  Connection: MakeConnection<T>,
  { timeouts: given, ...settings }: Settings,
  budgetBytes: number,
) {
  const time = new HandTime();
  const wheel = new Wheel(time.monotonic());
  const counters = new Counters();
  const net = new FakeNet();
  const turns: (() => void)[] = [];
  net.afterTurn = (run) => void turns.push(run);
  const buffers = new BufferBudget(budgetBytes, wheel, counters, net.afterTurn);
  const worker = createWorkerContext({ net, clock: time, wheel, counters, buffers });
  const context = new ListenerContext(worker, new WriteBuffers(net), wideLimits, () => null);
  /** Every exchange so far, in order. */
  const exchanges: PlayedExchange[] = [];
  const source = {
    take: (): PlayedExchange => {
      const exchange = new PlayedExchange();
      exchanges.push(exchange);
      return exchange;
    },
  };
  const peer = FakePeer.connected();
  let closed = 0;
  const connection = new Connection(
    context,
    {
      name: 'test',
      isTrusted: () => false,
      hsts: '',
      protocols: ['h1'],
      certificates: null,
      upgrades: ['websocket'],
      halfClose: false,
      bodyBytes: 0,
      lingerBytes: 2 ** 20,
      h2: h2SettingsOf({ ...wideLimits, h2: defaults.listener.limits.h2 }, true),
      onReplace: () => {},
      onClose: () => void closed++,
      ...settings,
      timeouts: { ...timeouts, ...given },
    },
    source,
    peer,
  );
  peer.handler = connection;
  return {
    connection,
    context,
    peer,
    exchanges,
    counters: () => counters.snapshot(),
    /** How often the listener was told that the connection is closed. */
    closed: () => closed,
    /** Events of all exchanges, each list after the other. */
    events: () => exchanges.flatMap(({ events }) => events),
    last: (): PlayedExchange => {
      const exchange = exchanges.at(-1);
      if (exchange === undefined) throw new Error('no request has come');
      return exchange;
    },
    endTurn: () => {
      for (const run of turns.splice(0)) run();
    },
    advance: (ms: number) => {
      time.advance(ms);
      wheel.turn(time.monotonic());
    },
  };
}
