/**
 * A pool that pipelines: requests of many clients share connections to a server, and each client still gets its own
 * answer, also when others on the connection are slow, long, cut off or gone.
 */
import { Agent, type ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin, RESET, rawOrigin } from '../support/origin.ts';
import { ask, configFor, until } from '../support/peers.ts';
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
  test('a storm of all kinds: nobody gets what is not his', async () => {
    await using origin = await httpOrigin('a', (request, response) => {
      const [, name, id = ''] = (request.url ?? '').split('/');
      kinds.find((kind) => kind.name === name)!.answer(response, id);
    });
    await using limpet = await startLimpet(runtime, { config: configFor([origin], pool) });
    const agent = new Agent({ keepAlive: true });
    let gone = 0;
    const client = async (number: number) => {
      for (let i = 0; i < 40; i++) {
        const id = `${number}-${i}`;
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
    await Promise.all(Array.from({ length: 48 }, (_, number) => client(number)));
    agent.destroy();
    expect(gone).toBeGreaterThan(20);
    const { upstream_pipelined: pipelined, upstream_gave_way: gaveWay } = await limpet.counters();
    expect(pipelined).toBeGreaterThan(50);
    expect(gaveWay).toBeGreaterThan(0);
  });

  test('what changes something is never sent behind others', async () => {
    let inFlight = 0;
    let most = 0;
    await using origin = await rawOrigin('a', async (connection, received) => {
      const requests = received.toString('latin1').split('\r\n\r\n').length - 1;
      inFlight = requests;
      most = Math.max(most, inFlight);
      connection.forget(received.length);
      for (let i = 0; i < requests; i++) await connection.say('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
    await using limpet = await startLimpet(runtime, { config: configFor([origin], pool) });
    const agent = new Agent({ keepAlive: true });
    const visit = (method: string) => ask(limpet.url, { agent, method, headers: { 'content-length': 0 } });
    for (let round = 0; round < 20; round++) await Promise.all(Array.from({ length: 16 }, () => visit('POST')));
    expect(most).toBe(1);
    await until('GETs share a connection', async () => {
      await Promise.all(Array.from({ length: 16 }, () => ask(limpet.url, { agent })));
      return most > 1;
    });
    agent.destroy();
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
