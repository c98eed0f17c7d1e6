/** How requests to servers of HTTP/2 end: GOAWAY, refusals, lost connections, slow clients, and upgrades. */
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { constants } from 'node:http2';
import type { Duplex } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { h2Origin } from '../support/h2-origin.ts';
import { startLimpet } from '../support/limpet.ts';
import { ask, configFor, until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { untilStill } from '../support/until.ts';

function reply(stream: ServerHttp2Stream, body: string): void {
  stream.respond({ ':status': 200 });
  stream.end(body);
}

const plain = { affinity: 'none', balance: 'round-robin', health: { passive: false }, protocol: 'h2' };

describe.each(runtimes)('a server of HTTP/2 on %s', (runtime) => {
  test('GOAWAY: what is under way finishes, what comes next goes to another connection, and nothing is lost', async () => {
    const waiting: ServerHttp2Stream[] = [];
    await using origin = await h2Origin('a', (stream, headers) => {
      if (headers[':path'] === '/wait') waiting.push(stream);
      else reply(stream, 'at once');
    });
    await using limpet = await startLimpet(runtime, { config: { ...configFor([origin], plain), workers: 1 } });
    const slow = ask(`${limpet.url}/wait`, { method: 'POST', body: 'order' });
    await until('the request has come', () => waiting.length === 1);
    origin.sessions()[0]!.goaway(constants.NGHTTP2_NO_ERROR);
    // From the balancer's acknowledgement of a PING behind it on, GOAWAY has been read.
    await new Promise((done) => origin.sessions()[0]!.ping(done));
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => ask(limpet.url, { method: 'POST', body: 'order' })),
    );
    expect(replies.every(({ status }) => status === 200)).toBe(true);
    waiting[0]!.respond({ ':status': 200 });
    waiting[0]!.end('finished');
    expect((await slow).body).toBe('finished');
    expect(origin.connections()).toBe(2);
  });

  test('GOAWAY again and again under load: no request is lost, whatever its method', { timeout: 60_000 }, async () => {
    await using origin = await h2Origin('a');
    await using limpet = await startLimpet(runtime, { config: { ...configFor([origin], plain), workers: 1 } });
    let isOver = false;
    const statuses = new Map<number, number>();
    const send = async (): Promise<void> => {
      while (!isOver) {
        const { status } = await ask(limpet.url, { method: 'POST', body: 'order' });
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    };
    const senders = Array.from({ length: 8 }, send);
    for (let i = 0; i < 20; i++) {
      const { length } = [...statuses.keys()];
      await until('requests go on', () => (statuses.get(200) ?? 0) > 20 * i || length > 1);
      // Streams that are under way finish, and others were never begun: that is what GOAWAY promises.
      for (const session of origin.sessions()) session.close();
    }
    isOver = true;
    await Promise.all(senders);
    expect([...statuses.keys()]).toEqual([200]);
    expect(origin.connections()).toBeGreaterThan(10);
  });

  test('REFUSED_STREAM: the request goes to the server again, and to another one when it means it', async () => {
    let refusals = 0;
    const refuse = (stream: ServerHttp2Stream): void => {
      refusals++;
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
    };
    const takeOrRefuse = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void => {
      if (headers[':path'] === '/once' && refusals === 0) refuse(stream);
      else reply(stream, 'a');
    };
    await using once = await h2Origin('a', takeOrRefuse);
    await using always = await h2Origin('b', refuse);
    await using limpet = await startLimpet(runtime, { config: { ...configFor([once], plain), workers: 1 } });
    const answer = await ask(`${limpet.url}/once`, { method: 'POST', body: 'order' });
    expect([answer.status, answer.body, refusals]).toEqual([200, 'a', 1]);
    expect(await limpet.counters()).toMatchObject({ upstream_refused: 1, retries: 0 });

    await using both = await startLimpet(runtime, { config: { ...configFor([always, once], plain), workers: 1 } });
    const replies = await Promise.all(
      Array.from({ length: 6 }, () => ask(both.url, { method: 'POST', body: 'order' })),
    );
    expect(replies.map(({ body }) => body)).toEqual(['a', 'a', 'a', 'a', 'a', 'a']);
    expect((await both.counters()).retries).toBeGreaterThan(0);
  });

  test('a server that dies: GET goes to another one, POST that was sent is not repeated', async () => {
    const waiting: ServerHttp2Stream[] = [];
    await using dying = await h2Origin('a', (stream) => void waiting.push(stream));
    await using other = await h2Origin('b');
    const config = configFor([dying, other], { ...plain, balance: 'round-robin' });
    await using limpet = await startLimpet(runtime, { config: { ...config, workers: 1 } });
    const gets = Array.from({ length: 4 }, () => ask(limpet.url));
    await until('they have come', () => waiting.length === 2);
    const posts = Array.from({ length: 2 }, () => ask(limpet.url, { method: 'POST', body: 'order' }));
    await until('they have come, too', () => waiting.length === 3);
    await dying.close();
    expect((await Promise.all(gets)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect((await Promise.all(posts)).map(({ status }) => status).sort()).toEqual([200, 502]);
  });

  test('a slow client holds up its own response only', { timeout: 60_000 }, async () => {
    let sent = 0;
    const pour = (stream: ServerHttp2Stream): void => {
      const chunk = Buffer.alloc(64 * 1024, 'x');
      const more = (): void => {
        while (sent < 2 ** 28 && !stream.destroyed) {
          sent += chunk.length;
          if (!stream.write(chunk)) return;
        }
        stream.end();
      };
      stream.respond({ ':status': 200 });
      stream.on('drain', more);
      more();
    };
    await using origin = await h2Origin('a', (stream, headers) => {
      if (headers[':path'] === '/pour') pour(stream);
      else reply(stream, 'y'.repeat(100_000));
    });
    await using limpet = await startLimpet(runtime, { config: { ...configFor([origin], plain), workers: 1 } });
    const slow = httpRequest(`${limpet.url}/pour`, { agent: false });
    slow.end();
    const [response] = (await once(slow, 'response')) as [NodeJS.ReadableStream & { pause(): void }];
    response.pause();
    await untilStill('what the server can send', () => sent);
    expect(sent).toBeLessThan(2 ** 25);
    const replies = await Promise.all(Array.from({ length: 50 }, () => ask(limpet.url)));
    expect(replies.every(({ body }) => body.length === 100_000)).toBe(true);
    expect(origin.connections()).toBe(1);
    slow.destroy();
    await until('its stream has ended', () => sent < 2 ** 28 && origin.sessions()[0]?.state.remoteWindowSize !== 0);
    expect((await ask(limpet.url)).status).toBe(200);
  });

  test('an upgrade becomes an extended CONNECT where the server takes it, and is refused by name where not', async () => {
    const shout = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void => {
      stream.respond({ ':status': 200, 'x-protocol': String(headers[':protocol']) });
      stream.on('data', (chunk: Buffer) => stream.write(chunk.toString().toUpperCase()));
      stream.on('end', () => stream.end());
    };
    await using origin = await h2Origin('a', shout, { settings: { enableConnectProtocol: true } });
    await using limpet = await startLimpet(runtime, { config: { ...configFor([origin], plain), workers: 1 } });
    const headers = { connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' };
    const upgrade = httpRequest(limpet.url, { headers, agent: false });
    upgrade.end();
    const [response, socket] = (await once(upgrade, 'upgrade')) as [{ headers: IncomingHttpHeaders }, Duplex];
    expect(response.headers).toMatchObject({
      'x-protocol': 'websocket',
      'sec-websocket-accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
    });
    let received = '';
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString();
    });
    const text = 'hello '.repeat(100_000);
    socket.write(text);
    await until('all has come back', () => received.length === text.length);
    expect(received).toBe(text.toUpperCase());
    socket.end();
    await once(socket, 'close');

    await using bare = await h2Origin('b');
    await using second = await startLimpet(runtime, { config: { ...configFor([bare], plain), workers: 1 } });
    const refused = await ask(second.url, { headers });
    expect([refused.status, refused.headers['limpet-reason']]).toEqual([501, 'upgrade-unsupported']);
  });
});
