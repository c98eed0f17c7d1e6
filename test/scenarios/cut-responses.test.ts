/**
 * Responses that their server cuts short: a client that is slow to read gets every byte that came, and sees that it is not all. Where
 * length or chunks tell, by an end; where the end of the connection is all that could tell, by a reset.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { CLOSE, type RawOrigin, RESET, rawOrigin, type Step } from '../support/origin.ts';
import { configFor, until } from '../support/peers.ts';
import { RawClient } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';
import { http1, onlyOver } from '../support/transport.ts';

const event = Buffer.alloc(20_000, 'e');
const events = 20;
const size = event.length * events;

interface Case {
  readonly name: string;
  readonly path: string;
  readonly minor: 0 | 1;
  readonly end: 'ended' | 'reset';
}

const cases: readonly Case[] = [
  { name: 'a length that is not reached', path: '/length', minor: 1, end: 'ended' },
  { name: 'a length that is not reached, and a reset', path: '/length/reset', minor: 1, end: 'ended' },
  { name: 'chunks without their end', path: '/chunks', minor: 1, end: 'ended' },
  { name: 'chunks without their end, and a reset', path: '/chunks/reset', minor: 1, end: 'ended' },
  { name: 'chunks that turn out to be none', path: '/chunks/bad', minor: 1, end: 'ended' },
  { name: 'no length, and a reset', path: '/until-close/reset', minor: 1, end: 'ended' },
  { name: 'a length that is not reached, to HTTP/1.0', path: '/length', minor: 0, end: 'ended' },
  { name: 'chunks without their end, to HTTP/1.0', path: '/chunks', minor: 0, end: 'reset' },
  { name: 'no length, and a reset, to HTTP/1.0', path: '/until-close/reset', minor: 0, end: 'reset' },
];

function script(path: string): Step[] {
  const [, framing, end] = path.split('/');
  const switched = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n';
  const head = framing === 'tunnel' ? switched : 'HTTP/1.1 200 OK\r\n';
  const chunked = framing === 'chunks';
  const piece = chunked ? Buffer.concat([Buffer.from('4e20\r\n'), event, Buffer.from('\r\n')]) : event;
  const says = { length: 'Content-Length: 9999999\r\n\r\n', chunks: 'Transfer-Encoding: chunked\r\n\r\n' };
  const first = framing === 'length' || framing === 'chunks' ? says[framing] : '\r\n';
  const steps: Step[] = [head, first];
  // A server's own reset throws away what its kernel still has: by then the balancer has read it.
  for (let i = 0; i < events; i++) steps.push(piece, 2);
  if (end === 'bad') return [...steps, 'no chunk\r\n'];
  return end === 'reset' ? [...steps, 100, RESET] : [...steps, CLOSE];
}

describe.each(runtimes)('a response that is cut short on %s', (runtime) => {
  let origin: RawOrigin;
  let limpet: Limpet;
  beforeAll(async () => {
    origin = await rawOrigin('a', async (connection, received) => {
      const path = /^GET (\S+)/.exec(received.toString('latin1'))?.[1];
      if (path !== undefined) await connection.say(...script(path));
    });
    const pool = { health: { passive: false }, retry: { attempts: 1 } };
    limpet = await startLimpet(runtime, { config: configFor([origin], pool) });
  });
  afterAll(async () => {
    await limpet[Symbol.asyncDispose]();
    await origin.close();
  });

  test.each(cases)('$name: all that came, and then it is $end', async ({ path, minor, end }) => {
    if (minor === 0) onlyOver(http1, 'HTTP/1.0 is no HTTP/2');
    const before = origin.connections.length;
    await using client = await RawClient.connect(limpet.port);
    client.pause();
    await client.send(`GET ${path} HTTP/1.${minor}\r\nHost: x\r\n\r\n`);
    await until('the balancer has left the server', () => {
      const connection = origin.connections[before];
      return connection !== undefined && (connection.ended() !== 'no' || !connection.open());
    });
    client.resume();
    expect(await client.closed()).toBe(end);
    const response = await client.response();
    expect([response.status, response.body.length, response.complete]).toEqual([200, size, false]);
    expect(response.body.equals(Buffer.alloc(size, 'e'))).toBe(true);
  });

  test('a tunnel that breaks at the server: all that came, and then it is reset', async () => {
    onlyOver(http1, 'this server does not know of the key of a WebSocket, which HTTP/2 needs');
    const before = origin.connections.length;
    await using client = await RawClient.connect(limpet.port);
    client.pause();
    await client.send('GET /tunnel/reset HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    await until('the server has reset it', () => origin.connections[before]?.open() === false);
    await until('the balancer has noticed', async () => (await limpet.counters()).tunnels_open === 0);
    client.resume();
    expect(await client.closed()).toBe('reset');
    const { received } = client;
    expect(received.toString('latin1', 0, 12)).toBe('HTTP/1.1 101');
    expect(received.subarray(-size).equals(Buffer.alloc(size, 'e'))).toBe(true);
  });
});
