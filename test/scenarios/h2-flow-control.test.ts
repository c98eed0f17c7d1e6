/** The windows of HTTP/2 are tied to the server's side: a stream that is not read holds up nobody but itself, and fills no memory. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { clientPreface, FrameType, SettingId } from '../../src/http/h2/frame.ts';
import { frame, setting, uint32 } from '../support/h2-frames.ts';
import { H2Session, h2Listener, replyTo } from '../support/h2-session.ts';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { configFor, until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { request } from '../support/stage-h2-client.ts';
import { onlyOver } from '../support/transport.ts';
import { untilStill } from '../support/until.ts';

const MB = 2 ** 20;

describe.each(runtimes)('flow control of HTTP/2 on %s', (runtime) => {
  onlyOver('h1', 'it brings its own client');

  test('a stream that is not read makes its server wait; others go on; then it gets everything', async () => {
    let sent = 0;
    const piece = Buffer.alloc(64 * 1024, 'x');
    const total = 512 * piece.length;
    await using origin = await httpOrigin('a', (request, response) => {
      if (request.url !== '/big') {
        response.end('small');
        return;
      }
      response.setHeader('content-length', total);
      const write = (): void => {
        while (sent < total) {
          sent += piece.length;
          if (!response.write(piece)) {
            response.once('drain', write);
            return;
          }
        }
        response.end();
      };
      write();
    });
    await using limpet = await startLimpet(runtime, { config: configFor([origin], {}, h2Listener) });
    await using client = await H2Session.open(limpet.port);
    const big = client.request('/big');
    big.pause();
    await untilStill('the server has been stopped', () => sent);
    expect(sent).toBeLessThan(total / 2);
    for (let i = 0; i < 10; i++) expect((await client.ask('/')).body).toBe('small');
    // The window of the stream is 64 KB, and what the kernels and one read hold is not ours.
    const { kept_bytes } = await limpet.counters();
    expect(kept_bytes).toBeLessThan(2 * MB);
    const reply = replyTo(big);
    big.resume();
    expect((await reply).body.length).toBe(total);
    expect((await limpet.counters()).kept_bytes).toBe(0);
  });

  test('twenty slow streams share a connection fairly', async () => {
    await using origin = await httpOrigin('a', (_, response) => response.end(Buffer.alloc(MB, 'y')));
    await using limpet = await startLimpet(runtime, { config: configFor([origin], {}, h2Listener) });
    await using client = await H2Session.open(limpet.port, { initialWindowSize: 20_000 });
    const replies = await Promise.all(Array.from({ length: 20 }, () => client.ask('/')));
    for (const reply of replies) expect(reply.body.length).toBe(MB);
  });

  test('a client that opens all windows and reads nothing costs one read, however many streams it has; all of them arrive later', async () => {
    const size = 4 * MB;
    const streams = 40;
    await using origin = await httpOrigin('a', (_, response) => {
      response.writeHead(200, { 'content-length': size }).end(Buffer.alloc(size, 'x'));
    });
    await using limpet = await startLimpet(runtime, { config: { workers: 1, ...configFor([origin], {}, h2Listener) } });
    const socket = connect(limpet.port, '127.0.0.1');
    let arrived = 0;
    socket.on('data', (chunk: Buffer) => {
      arrived += chunk.length;
    });
    socket.pause();
    const ids = Array.from({ length: streams }, (_, n) => 2 * n + 1);
    socket.write(
      Buffer.concat([
        clientPreface,
        frame(FrameType.settings, 0, 0, setting(SettingId.initialWindowSize, 2 ** 30)),
        frame(FrameType.windowUpdate, 0, 0, uint32(2 ** 30)),
        ...ids.map((id) => request(id, true)),
      ]),
    );
    await until('the client is full', async () => (await limpet.counters()).kept_bytes! > 0);
    await untilStill('kept bytes', async () => (await limpet.counters()).kept_bytes!);
    // Of a second stream there may be what came before the first one had filled the connection.
    expect((await limpet.counters()).kept_bytes).toBeLessThan(2 * MB);
    socket.resume();
    await until('everything has arrived', () => arrived > streams * size);
    expect(await limpet.counters()).toMatchObject({ responses_2xx: streams, kept_bytes_exceeded: 0 });
    socket.destroy();
  });

  test('a server that does not read makes the client wait, and no other stream', async () => {
    const held: [IncomingMessage, ServerResponse][] = [];
    await using origin = await httpOrigin('a', (request, response) => {
      if (request.url === '/held') held.push([request, response]);
      else response.end('ok');
    });
    await using limpet = await startLimpet(runtime, { config: configFor([origin], {}, h2Listener) });
    await using client = await H2Session.open(limpet.port);
    const upload = client.request('/held', { ':method': 'POST' }, false);
    const body = Buffer.alloc(32 * MB, 'z');
    let taken = 0;
    for (let at = 0; at < body.length; at += 65_536)
      upload.write(body.subarray(at, at + 65_536), () => (taken += 65_536));
    upload.end();
    await until('the request is at the server', () => held.length === 1);
    await untilStill('the client has been stopped', () => taken);
    expect(taken).toBeLessThan(body.length / 2);
    expect((await client.ask('/')).body).toBe('ok');
    const [request, response] = held[0]!;
    let received = 0;
    request.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    request.on('end', () => response.end(`${received}`));
    expect((await replyTo(upload)).body).toBe(`${body.length}`);
  });
});
