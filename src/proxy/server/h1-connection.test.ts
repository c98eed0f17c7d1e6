/** Requests that a connection has taken, and not written yet. */
import { expect, test } from 'vitest';
import { createConnectionOwner } from '../../../test/support/connection-owner.ts';
import { FakeNet } from '../../../test/support/fake-net.ts';
import { wideLimits } from '../../../test/support/heads.ts';
import { createWorkerContext } from '../../../test/support/worker-context.ts';
import type { Fault } from '../../errors.ts';
import { Server } from '../../fleet/server.ts';
import { Method, type ResponseHead } from '../../http/head.ts';
import { Counters } from '../../metrics/counters.ts';
import { Wheel } from '../../time/wheel.ts';
import { H1ServerConnection } from './h1-connection.ts';
import { PipeliningGuard } from './pipelining-guard.ts';
import { PoolContext } from './pool-context.ts';
import { RequestBatch } from './request-batch.ts';
import type { ResponseHandler } from './response-handler.ts';

const address = { kind: 'tcp', host: '127.0.0.1', port: 1 } as const;
const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** Writes down what it is told. */
class Teller implements ResponseHandler {
  readonly method = Method.get;
  readonly mayUpgrade = false;
  readonly clientNumber = 0;
  readonly told: string[] = [];
  private readonly upstream: H1ServerConnection;

  constructor(upstream: H1ServerConnection) {
    this.upstream = upstream;
  }

  onInterim(): void {}
  onResponseData(): void {}
  onUpgrade(): void {}
  onServerDrain(): void {}
  flush(): void {}

  mustHold(): boolean {
    return false;
  }

  mustHoldEnd(): boolean {
    return false;
  }

  onResponse({ status }: ResponseHead): void {
    this.told.push(`answered ${status}`);
  }

  onResponseEnd(_trailers: Buffer | null, reusable: boolean): void {
    this.upstream.release(reusable);
  }

  onRequeued(): void {
    this.told.push(`to repeat, ${this.upstream.isUnwritten ? 'nothing of it written' : 'written'}`);
  }

  onServerFault({ code }: Fault): void {
    this.told.push(`${code}, ${this.upstream.isUnwritten ? 'nothing of it written' : 'written'}`);
    this.upstream.abort(this);
  }
}

/** A connection that has served before, with two requests of this loop turn; `endTurn` ends that. */
function stage({ mayPipeline = true } = {}) {
  const turns: (() => void)[] = [];
  const net = new FakeNet();
  net.afterTurn = (run) => void turns.push(run);
  const [wheel, counters] = [new Wheel(1000), new Counters()];
  const worker = createWorkerContext({ net, wheel, counters });
  const context = new PoolContext(worker, new RequestBatch(net), wideLimits);
  const server = new Server({ name: 'a', address, weight: 1, maxRequests: 0 }, 1, 0);
  const guard = new PipeliningGuard();
  const pool = createConnectionOwner({ addIdle: () => true, pipeliningGuardOf: () => guard });
  let upstream!: H1ServerConnection;
  net.connect(address, {
    onOpen(socket) {
      upstream = new H1ServerConnection(context, pool, server, socket);
      return upstream;
    },
    onFail() {},
  });
  const peer = net.last;
  peer.open();
  upstream.reused = true;
  const tellers = Array.from({ length: mayPipeline ? 2 : 1 }, (_, i) => {
    const teller = new Teller(upstream);
    upstream.gather(teller, false, mayPipeline).text(`GET /${i} HTTP/1.1\r\n\r\n`);
    return teller;
  });
  const endTurn = (): void => {
    for (const run of turns.splice(0)) run();
  };
  return { upstream, peer, endTurn, told: () => tellers.map((teller) => teller.told) };
}

test('they leave in one write when the loop turn is over, and are answered in order', () => {
  const { peer, endTurn, told } = stage();
  expect(peer.received).toBe('');
  endTurn();
  expect(peer.received).toBe('GET /0 HTTP/1.1\r\n\r\nGET /1 HTTP/1.1\r\n\r\n');
  peer.send(answer);
  expect(told()).toEqual([['answered 200'], []]);
  peer.send(answer);
  expect(told()).toEqual([['answered 200'], ['answered 200']]);
});

test.each([
  ['bytes that come before that are nobody’s answer', (peer: FakeNet['last']) => peer.send(answer)],
  ['a connection that ends before that has had nothing of them', (peer: FakeNet['last']) => peer.handler.onEnd()],
  ['the same when it breaks', (peer: FakeNet['last']) => peer.handler.onClose(null)],
])('%s', (_name, happen) => {
  const { peer, endTurn, told } = stage();
  happen(peer);
  expect(told()).toEqual([['closed-early, nothing of it written'], ['to repeat, nothing of it written']]);
  endTurn();
  expect([peer.received, peer.state]).toEqual(['', 'reset']);
});

test('nobody goes behind one that changes something', () => {
  const shared = stage();
  expect(shared.upstream.isGathering).toBe(true);
  const { upstream, peer, endTurn } = stage({ mayPipeline: false });
  expect(upstream.isGathering).toBe(false);
  endTurn();
  peer.send(answer);
  expect(upstream.depth).toBe(0);
});
