/**
 * I7 without a kernel: many exchanges of one worker, whose events come in every order that sockets and timers can make of
 * them. The servers are right, but slow, cut off and reset; each client must get its own answers, whole and in order, or see
 * its connection break.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FakePeer } from '../support/fake-net.ts';
import { readMessage, show } from '../support/raw.ts';
import { type StagedBalancer, stageBalancer } from '../support/stage-balancer.ts';
import { Random } from './random.ts';

/** What a server answers to a request with this target. */
const answers: Readonly<Record<string, (id: string) => string>> = {
  short: (id) => withLength(`${id}.`),
  // Its head is put back before the body, instead of the body behind it (proxy/client/h1-response-writer.ts).
  middle: (id) => withLength(`${id}.`.repeat(400)),
  long: (id) => withLength(`${id}.`.repeat(4500)),
  chunked: (id) => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk(id)}${chunk('.')}0\r\n\r\n`,
  hint: (id) => `HTTP/1.1 103 Early Hints\r\nLink: <${id}>\r\n\r\n${withLength(`${id}.`)}`,
  empty: (id) => `HTTP/1.1 302 Found\r\nX-Id: ${id}\r\nContent-Length: 0\r\n\r\n`,
  last: (id) => `HTTP/1.1 200 OK\r\nX-Id: ${id}\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok`,
};
const kinds = [...Object.keys(answers), 'short', 'middle', 'last'];
const methods = ['GET', 'GET', 'GET', 'GET', 'HEAD', 'POST', 'PUT'];

function withLength(body: string): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

function chunk(data: string): string {
  return `${data.length.toString(16)}\r\n${data}\r\n`;
}

interface Asked {
  readonly method: string;
  readonly kind: string;
  readonly id: string;
}

class TestClient {
  readonly peer: FakePeer;
  readonly asked: Asked[] = [];
  /** Bytes that it has not sent yet. */
  rest = '';
  gone = false;
  told = false;

  constructor(peer: FakePeer) {
    this.peer = peer;
  }

  ask(one: Asked): void {
    this.asked.push(one);
    const { method, kind, id } = one;
    const body = method === 'POST' || method === 'PUT' ? 'a=1' : '';
    this.rest += `${method} /${kind}/${id} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  }

  /** What is wrong with what has come; '' when all of it is its own. `over`: nothing more will come. */
  complain(over: boolean): string {
    const bytes = Buffer.from(this.peer.received, 'latin1');
    const broken = this.peer.state !== 'open' || this.peer.ended;
    let p = 0;
    for (const { method, kind, id } of this.asked) {
      let status = 100;
      while (status < 200) {
        const message = readMessage(bytes, p, method === 'HEAD' ? 'none' : 'framed', broken);
        const cut = message === null || !message.complete;
        const raw = bytes.toString('latin1', p, message?.end ?? bytes.length);
        // An id may stand in two chunks: cut where the server's bytes were.
        const text = `${raw}${message?.body.toString('latin1') ?? ''}`;
        const other = /C\d-\d{4}/g;
        for (const [found] of text.matchAll(other)) if (found !== id) return `${id} (${kind}) got ${show(text, 200)}`;
        if (cut)
          return !over || broken || this.gone ? '' : `${id} (${method} ${kind}) waits for ever: ${show(text, 200)}`;
        status = Number(message.line.split(' ')[1]);
        if (status < 500) {
          if (!text.includes(id)) return `${id} (${method} ${kind}) got ${show(text, 200)}`;
          const whole = answers[kind]!(id);
          const body = whole.slice(whole.lastIndexOf('\r\n\r\n') + 4);
          if (kind !== 'chunked' && status >= 200 && method !== 'HEAD' && message.body.toString('latin1') !== body)
            return `${id} (${kind}) got another body: ${show(text, 200)}`;
        }
        p = message.end;
      }
    }
    return p < bytes.length ? `more than was asked for: ${show(bytes.subarray(p), 200)}` : '';
  }
}

/** A server's end: reads requests, and says the answers in order, cut and joined by chance. */
class TestServer {
  readonly peer: FakePeer;
  private read = 0;
  /** Bytes of answers that it has not sent yet. */
  private rest = '';
  told = false;

  constructor(peer: FakePeer) {
    this.peer = peer;
  }

  get hasMore(): boolean {
    this.answer();
    return this.rest !== '';
  }

  private answer(): void {
    const bytes = Buffer.from(this.peer.received, 'latin1');
    for (;;) {
      const request = readMessage(bytes, this.read, 'framed', false);
      if (request === null) return;
      this.read = request.end;
      const [method = '', target = ''] = request.line.split(' ');
      const [, kind = '', id = ''] = target.split('/');
      const whole = answers[kind]!(id);
      this.rest += method === 'HEAD' ? headOf(whole, id) : whole;
    }
  }

  say(length: number): void {
    this.answer();
    const said = this.rest.slice(0, length);
    this.rest = this.rest.slice(length);
    if (said !== '') this.peer.send(said);
  }
}

/** Of the final response, with the id where only the body has it. */
function headOf(whole: string, id: string): string {
  const end = whole.indexOf('\r\n\r\n', Math.max(0, whole.indexOf('HTTP/1.1 200')));
  return `${whole.slice(0, end)}\r\nX-Id: ${id}\r\n\r\n`;
}

class Play {
  readonly clients: TestClient[] = [];
  private readonly servers = new Map<FakePeer, TestServer>();
  private readonly balancer: StagedBalancer;
  private readonly random: Random;
  private asked = 0;

  constructor(random: Random, pool: Readonly<Record<string, unknown>>) {
    this.random = random;
    this.balancer = stageBalancer(pool, 1 + random.below(2));
    for (let i = 0; i < 2 + random.below(6); i++) this.clients.push(new TestClient(this.balancer.connect()));
  }

  counters(): Record<string, number> {
    return this.balancer.counters();
  }

  /** One event. */
  step(): void {
    const { random } = this;
    const client = random.pick(this.clients);
    const server = this.someServer();
    const turn = random.below(100);
    // Those that come within one turn share a connection.
    if (turn < 20) for (const one of this.clients) this.ask(one);
    else if (turn < 30) this.ask(client);
    else if (turn < 40) this.deliver(client, random.below(200));
    else if (turn < 55) this.balancer.endTurn();
    else if (turn < 76) this.sayAt(server, random.pick([10, 60, 100, 300, 5000, 100_000, 100_000]));
    else if (turn < 81) this.balancer.advance(random.pick([100, 100, 100, 300]));
    else if (turn < 83) client.peer.slow = true;
    else if (turn < 87) client.peer.drain();
    else if (turn < 88) this.leave(client);
    else if (turn < 90) this.breakServer(server, random.chance(50));
    else this.openAll(random.chance(10));
    this.tellClosings();
  }

  /** Everything that can still happen happens, and nothing is broken any more. */
  finish(): void {
    for (let calm = 0, rounds = 0; calm < 3 && rounds < 500; rounds++) {
      const before = this.sum();
      for (const client of this.clients) {
        this.deliver(client, client.rest.length);
        if (client.peer.state === 'open') client.peer.drain();
      }
      this.openAll(false);
      this.balancer.endTurn();
      this.look();
      for (const server of this.servers.values()) this.sayAt(server, 1_000_000);
      this.tellClosings();
      calm = before === this.sum() ? calm + 1 : 0;
    }
  }

  private sum(): number {
    let sum = this.servers.size;
    for (const { peer } of this.clients) sum += peer.received.length;
    for (const { peer } of this.servers.values()) sum += peer.received.length;
    return sum;
  }

  private ask(client: TestClient): void {
    const { random } = this;
    client.ask({
      method: random.pick(methods),
      kind: random.pick(kinds),
      id: `C${this.clients.indexOf(client)}-${1000 + this.asked++}`,
    });
    if (random.chance(80)) this.deliver(client, client.rest.length);
  }

  private deliver(client: TestClient, length: number): void {
    const { peer } = client;
    if (client.gone || peer.state !== 'open' || peer.paused || client.rest === '' || length === 0) return;
    const sent = client.rest.slice(0, length);
    client.rest = client.rest.slice(length);
    peer.send(sent);
  }

  private leave(client: TestClient): void {
    if (client.gone || client.peer.state !== 'open' || this.random.chance(50)) return;
    client.gone = true;
    client.told = true;
    client.peer.leave(new Error('ECONNRESET'));
  }

  private someServer(): TestServer | undefined {
    this.look();
    const open = [...this.servers.values()].filter(({ peer }) => peer.state === 'open');
    return open.length === 0 ? undefined : this.random.pick(open);
  }

  private look(): void {
    for (const peer of this.balancer.net.peers) {
      if (!this.servers.has(peer) && peer.state === 'open') this.servers.set(peer, new TestServer(peer));
    }
  }

  private sayAt(server: TestServer | undefined, length: number): void {
    if (server === undefined || server.peer.state !== 'open' || server.peer.paused || !server.hasMore) return;
    server.say(length);
  }

  private breakServer(server: TestServer | undefined, fin: boolean): void {
    if (server === undefined || server.peer.state !== 'open') return;
    if (fin) {
      server.peer.handler.onEnd();
      if (server.peer.state !== 'open') return;
    }
    server.told = true;
    server.peer.leave(fin ? null : new Error('ECONNRESET'));
  }

  private openAll(refuse: boolean): void {
    for (const peer of this.balancer.net.peers) {
      if (peer.state !== 'connecting') continue;
      if (refuse) peer.fail('ECONNREFUSED');
      else peer.open();
    }
  }

  /** What the balancer has closed is told to it later, as sockets do. */
  private tellClosings(): void {
    this.look();
    for (const one of [...this.clients, ...this.servers.values()]) {
      if (one.told || one.peer.state === 'open') continue;
      one.told = true;
      one.peer.handler.onClose(null);
    }
  }
}

const pools = [
  { pipelining: 16, maxIdle: 1 },
  { pipelining: 16, maxIdle: 1, retry: { deadline: '150ms' } },
  { pipelining: 3, retry: { deadline: '100ms' }, timeouts: { response: '250ms' } },
  { pipelining: 1, retry: { deadline: '100ms' } },
];
const base = { affinity: 'none', health: { passive: false } };

test.each(pools)('each client gets its own answers, with %j', (pool) => {
  let pipelined = 0;
  let requeued = 0;
  fc.assert(
    fc.property(fc.integer({ min: 0 }), (seed) => {
      const random = new Random(seed);
      const play = new Play(random, { ...base, ...pool });
      const steps = 20 + random.below(80);
      for (let i = 0; i < steps; i++) {
        play.step();
        if (i % 16 === 0) for (const client of play.clients) expect(client.complain(false)).toBe('');
      }
      play.finish();
      for (const client of play.clients) expect(client.complain(true)).toBe('');
      pipelined += play.counters().upstream_pipelined ?? 0;
      requeued += play.counters().upstream_requeued ?? 0;
    }),
    { numRuns: Number(process.env.FUZZ_CASES ?? 250) },
  );
  // Else nothing has been shown.
  if (pool.pipelining > 1) expect([pipelined > 100, requeued > 20]).toEqual([true, true]);
});
