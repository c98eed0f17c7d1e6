/** What costs a client of HTTP/2 little is bounded, with a counter for each limit, and other clients do not notice. */
import { describe, expect, test } from 'vitest';
import { frame, uint32 } from '../support/h2-frames.ts';
import { H2Session, h2Listener } from '../support/h2-session.ts';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { configFor, until } from '../support/peers.ts';
import { RawClient } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';
import { block, request } from '../support/stage-h2-client.ts';
import { onlyOver } from '../support/transport.ts';

const preface = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0), frame(4, 1, 0)]);
const goaway = (code: number): Buffer => Buffer.from([0, 0, 0, code]);

describe.each(runtimes)('limits of HTTP/2 on %s', (runtime) => {
  onlyOver('h1', 'it brings its own client');

  test.each([
    ['resets', 'resets', (id: number) => [request(id, true), frame(3, 0, id, uint32(8))]],
    ['pings', 'pings', () => [frame(6, 0, 0, '12345678')]],
    ['settings', 'settings', () => [frame(4, 0, 0)]],
    ['frames of nothing', 'empty_frames', (id: number) => (id === 1 ? [request(1, false, 'POST')] : [frame(0, 0, 1)])],
    ['priorities', 'priorities', () => [frame(2, 0, 1, '\0\0\0\0\x10')]],
  ])('too many %s in a minute end the connection, and no other', async (_, name, frames) => {
    await using origin = await httpOrigin('a');
    const perMinute = { resets: 20, pings: 20, settings: 20, emptyFrames: 20, priorities: 20 };
    const config = configFor([origin], {}, { ...h2Listener, limits: { h2: { perMinute } } });
    await using limpet = await startLimpet(runtime, { config });
    await using good = await H2Session.open(limpet.port);
    await using bad = await RawClient.connect(limpet.port);
    const all = Array.from({ length: 40 }, (_, i) => frames(2 * i + 1)).flat();
    await bad.send(Buffer.concat([preface, ...all]).toString('latin1'));
    await bad.closed();
    // ENHANCE_YOUR_CALM.
    expect(bad.rest.includes(goaway(11).toString('latin1'))).toBe(true);
    expect((await good.ask('/')).status).toBe(200);
    const counters = await limpet.counters();
    expect([counters[`h2_limit_${name}`], counters.h2_connection_errors]).toEqual([1, 1]);
  });

  test('streams beyond the limit are refused one by one', async () => {
    await using origin = await httpOrigin('a', () => {});
    const config = configFor([origin], {}, { ...h2Listener, limits: { h2: { streams: 2 } } });
    await using limpet = await startLimpet(runtime, { config });
    await using client = await RawClient.connect(limpet.port);
    await client.send(Buffer.concat([preface, ...[1, 3, 5].map((id) => request(id, true))]).toString('latin1'));
    const refused = frame(3, 0, 5, uint32(7)).toString('latin1');
    await client.wait('REFUSED_STREAM', 5000, () => client.rest.includes(refused));
    expect(client.rest.includes(frame(3, 0, 3, uint32(7)).toString('latin1'))).toBe(false);
  });

  test('a header list that is too large gets 431, and a body that is too large 413', async () => {
    await using origin = await httpOrigin('a');
    const limits = { headBytes: '4k', bodyBytes: 1000 };
    await using limpet = await startLimpet(runtime, { config: configFor([origin], {}, { ...h2Listener, limits }) });
    await using client = await RawClient.connect(limpet.port);
    const fields = Array.from({ length: 40 }, (_, i) => `x-${i}: ${'y'.repeat(100)}`);
    const large = frame(1, 5, 1, block(':method: GET', ':scheme: http', ':path: /', ':authority: x', ...fields));
    await client.send(Buffer.concat([preface, large]).toString('latin1'));
    await client.wait('the response', 5000, () => client.rest.includes('head-too-large'));
    await using other = await H2Session.open(limpet.port);
    const reply = await other.ask('/', { ':method': 'POST' }, 'x'.repeat(1001));
    expect([reply.status, reply.headers['limpet-reason']]).toEqual([413, 'body-too-large']);
    expect((await other.ask('/', { ':method': 'POST' }, 'x'.repeat(1000))).status).toBe(200);
  });

  test('a frame that does not come to its end has timeouts.requestHead', async () => {
    await using origin = await httpOrigin('a');
    const config = configFor([origin], {}, { ...h2Listener, timeouts: { requestHead: '300ms' } });
    await using limpet = await startLimpet(runtime, { config });
    await using slow = await RawClient.connect(limpet.port);
    await slow.send(Buffer.concat([preface, request(1, true).subarray(0, 12)]).toString('latin1'));
    await slow.closed();
    await until('it is counted', async () => (await limpet.counters()).h2_timeouts === 1);
  });

  test('a client that reads nothing has timeouts.write, and then its stream is reset', async () => {
    await using origin = await httpOrigin('a', (_, response) => response.end(Buffer.alloc(1_000_000)));
    const config = configFor([origin], {}, { ...h2Listener, timeouts: { write: '400ms' } });
    await using limpet = await startLimpet(runtime, { config });
    await using client = await H2Session.open(limpet.port);
    const stream = client.request('/');
    stream.pause();
    await until('it is given up', async () => (await limpet.counters()).kept_bytes === 0);
    await until('the stream is reset', () => stream.closed || stream.destroyed);
    expect((await client.ask('/', { ':method': 'HEAD' })).status).toBe(200);
  });
});
