/**
 * A pool that pipelines: requests of many clients share connections to a server, and each client still gets its own
 * answer, also when others on the connection are slow, long, cut off or gone.
 */
import { Agent, type ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin, RESET, rawOrigin } from '../support/origin.ts';
import { ask, configFor, together, until } from '../support/peers.ts';
import { RawClient } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';

/** One server connection at most is idle, so that all that comes at one moment shares it. */
const pool = { affinity: 'none', pipelining: 16, maxIdle: 1, health: { passive: false } };

interface Kind {
  readonly name: string;
  answer(response: ServerResponse, id: string): void;
}

const long = 'x'.repeat(200_000);

/** `ending` requests never get a whole answer; all others always do. */
const kinds: readonly Kind[] = [
  { name: 'short', answer: (response, id) => void response.end(id) },
  { name: 'chunked', answer: (response, id) => void response.write(id, () => response.end('!')) },
  { name: 'long', answer: (response, id) => void response.end(id + long) },
  { name: 'slow', answer: (response, id) => void setTimeout(() => response.end(id), 300) },
  { name: 'drip', answer: (response, id) => void response.write(id, () => setTimeout(() => response.end('!'), 50)) },
  { name: 'ending', answer: (response) => void response.req.socket.resetAndDestroy() },
];
const bodyOf: Readonly<Record<string, (id: string) => string>> = {
  short: (id) => id,
  chunked: (id) => `${id}!`,
  long: (id) => id + long,
  slow: (id) => id,
  drip: (id) => `${id}!`,
};

describe.each(runtimes)('pipelining to servers on %s', (runtime) => {
  test('a storm of all kinds: nobody gets what is not his', { timeout: 40_000 }, async () => {
    await using origin = await httpOrigin('a', (request, response) => {
      const [, name, id = ''] = (request.url ?? '').split('/');
      kinds.find((kind) => kind.name === name)!.answer(response, id);
    });
    await using limpet = await startLimpet(runtime, { config: configFor([origin], pool) });
    const agent = new Agent({ keepAlive: true });
    let gone = 0;
    let storms = 0;
    const client = async (number: number) => {
      for (let i = 0; i < 40; i++) {
        const id = `${storms}-${number}-${i}`;
        const turn = (number * 7 + i * 3) % 23;
        const { name } = kinds[turn < kinds.length ? turn : 0]!;
        if (turn === 10) {
          gone++;
          await expect(ask(`${limpet.url}/slow/${id}`, { agent, signal: AbortSignal.timeout(20) })).rejects.toThrow();
          continue;
        }
        const reply = await ask(`${limpet.url}/${name}/${id}`, { agent }).catch(
          (error: NodeJS.ErrnoException) => error,
        );
        if (reply instanceof Error) {
          // Half an answer had gone to the client when the server reset the connection because of one behind it.
          expect([reply.code, ['chunked', 'long', 'drip'].includes(name)]).toEqual(['ECONNRESET', true]);
        } else if (name === 'ending')
          expect([reply.status, reply.headers['limpet-reason']]).toEqual([502, 'closed-early']);
        else expect([reply.status, reply.body], `${name} ${id}`).toEqual([200, bodyOf[name]!(id)]);
      }
    };
    // How many come within one turn of the balancer's loop is chance.
    await until('enough of them have shared connections, and some were sent once more', async () => {
      storms++;
      await Promise.all(Array.from({ length: 48 }, (_, number) => client(number)));
      const { upstream_pipelined: pipelined = 0, upstream_requeued: requeued = 0 } = await limpet.counters();
      return pipelined > 50 && requeued > 0;
    });
    agent.destroy();
    expect(gone).toBeGreaterThan(20);
  });

  test('what changes something is never sent behind others, nor they behind it', async () => {
    /** What came at one time on one connection. */
    const batches = new Set<string>();
    await using origin = await rawOrigin('a', async (connection, received) => {
      const methods = [...received.toString('latin1').matchAll(/([A-Z]+) \S+ HTTP/g)].map(([, method = '']) => method);
      // A body may come after its head.
      if (methods.length > 0) batches.add(methods.join(' '));
      connection.forget(received.length);
      for (const _ of methods) await connection.say('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
    await using limpet = await startLimpet(runtime, { config: configFor([origin], pool) });
    await using clients = await together(Array.from({ length: 16 }, () => RawClient.connect(limpet.port)));
    // All within one turn of our own loop, so that many come within one of the balancer's.
    const visits = async (...methods: string[]) => {
      const answers = clients.map((client, i) => {
        const method = methods[i % methods.length]!;
        const body = method === 'POST' ? 'Content-Length: 3\r\n\r\na=1' : '\r\n';
        void client.send(`${method} / HTTP/1.1\r\nHost: x\r\n${body}`);
        return client.response();
      });
      for (const { status } of await Promise.all(answers)) expect(status).toBe(200);
    };
    for (let round = 0; round < 20; round++) await visits('POST');
    expect([...batches]).toEqual(['POST']);
    await until('GETs share a connection', async () => {
      await visits('GET');
      return [...batches].some((methods) => methods.startsWith('GET GET'));
    });
    for (let round = 0; round < 40; round++) {
      // The connection that GETs have shared is the one that a POST takes next.
      await visits('GET');
      await visits('POST', 'GET', 'DELETE', 'GET');
    }
    for (const methods of batches) if (/POST|DELETE/.test(methods)) expect(['POST', 'DELETE']).toContain(methods);
  });

  test('an answer too many is nobody’s, and the connection ends with it', async () => {
    await using origin = await rawOrigin('a', async (connection, received) => {
      const targets = [...received.toString('latin1').matchAll(/^GET (\S+) /gm)].map(([, target = '']) => target);
      connection.forget(received.length);
      const answer = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
      await connection.say([...targets, 'stray'].map(answer).join(''));
    });
    await using limpet = await startLimpet(runtime, { config: configFor([origin], pool) });
    const agent = new Agent({ keepAlive: true });
    for (let round = 0; round < 20; round++) {
      const visits = Array.from({ length: 16 }, async (_, i) => {
        const target = `/${round}-${i}`;
        const { status, body } = await ask(limpet.url + target, { agent });
        if (status === 200) expect(body).toBe(target);
        else expect(status).toBe(502);
      });
      await Promise.all(visits);
    }
    agent.destroy();
  });

  test('a connection that breaks after the first answer: the others are repeated', async () => {
    const asked = new Map<string, number>();
    await using origin = await rawOrigin('a', async (connection, received) => {
      const targets = [...received.toString('latin1').matchAll(/^GET (\S+) /gm)].map(([, target = '']) => target);
      connection.forget(received.length);
      for (const target of targets) asked.set(target, (asked.get(target) ?? 0) + 1);
      const first = targets[0]!;
      await connection.say(`HTTP/1.1 200 OK\r\nContent-Length: ${first.length}\r\n\r\n${first}`);
      if (targets.length > 1) await connection.say(RESET);
    });
    await using limpet = await startLimpet(runtime, { config: configFor([origin], pool) });
    const agent = new Agent({ keepAlive: true });
    let round = 0;
    await until('some were repeated', async () => {
      round++;
      const visits = Array.from({ length: 16 }, async (_, i) => {
        const target = `/${round}-${i}`;
        expect((await ask(limpet.url + target, { agent })).body).toBe(target);
      });
      await Promise.all(visits);
      return [...asked.values()].some((times) => times > 1);
    });
    agent.destroy();
  });
});
