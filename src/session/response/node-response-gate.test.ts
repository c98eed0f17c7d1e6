/** Node's own response on a socket that only collects bytes; the store answers when the test says so. */
import { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { FakeExchange, pendingLines } from '../../../test/session/support/fake-exchange.ts';
import { SessionError } from '../error.ts';
import { isNodeResponse } from './node-response.ts';
import { NodeResponseGate } from './node-response-gate.ts';

/** The client's end of the connection: `sent` is all that it has got. */
class FakeSocket extends Duplex {
  readonly _handle = {};
  sent = '';

  override _read(): void {}
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.sent += chunk.toString('latin1');
    done();
  }
}

function createResponse(socket: FakeSocket, method: string) {
  const request = new IncomingMessage(socket as unknown as Socket);
  Object.assign(request, { method, httpVersion: '1.1', httpVersionMajor: 1, httpVersionMinor: 1 });
  const response = new ServerResponse(request);
  response.sendDate = false;
  // What node:http's server does when the socket has room again, and when a response is finished.
  socket.on('drain', () => response.emit('drain'));
  response.on('finish', () => {
    if (response.socket !== null) response.detachSocket(response.socket);
    process.nextTick(() => response.emit('close'));
  });
  if (!isNodeResponse(request, response)) throw new Error('not a response of Node');
  return { request, response };
}

function stage({ method = 'GET', isFirst = true, hasSession = true } = {}) {
  const socket = new FakeSocket();
  const { request, response } = createResponse(socket, method);
  const assign = () => response.assignSocket(socket as unknown as Socket);
  if (isFirst) assign();
  const errors: string[] = [];
  const gate = new NodeResponseGate(request, response, ({ message }) => errors.push(message));
  const exchange = new FakeExchange();
  if (hasSession) gate.use(exchange);
  return { socket, response, assign, gate, exchange, errors };
}

const put = [['Limpet-Session-Put', 'epoch=1']] as const;
const head = (...lines: string[]) => ['HTTP/1.1 200 OK', ...lines, '', ''].join('\r\n');

describe('a response that need not wait', () => {
  test('passes unchanged without a session', async () => {
    const { response, socket, exchange } = stage({ hasSession: false });
    response.writeHead(200, { 'Content-Length': 2 });
    response.end('ok');
    await turn();
    expect(socket.sent).toBe(`${head('Content-Length: 2', 'Connection: keep-alive')}ok`);
    expect(exchange.calls).toEqual([]);
  });

  test("gets the session's lines in its head, whoever sends that; head and body together ask once", async () => {
    const { response, socket, exchange } = stage();
    exchange.atHead = () => put;
    response.setHeader('Content-Length', 2);
    response.end('ok');
    await turn();
    expect(socket.sent).toBe(`${head('Content-Length: 2', 'Connection: keep-alive', 'Limpet-Session-Put: epoch=1')}ok`);
    expect(exchange.calls).toEqual(['beforeHead', 'close, sent']);
  });

  test('asks again before the last byte of a body that came after the head', async () => {
    const { response, socket, exchange } = stage();
    response.flushHeaders();
    response.write('first');
    await turn();
    expect(socket.sent).toContain('first');
    exchange.atEnd = () => put;
    response.end('last');
    await turn();
    expect(socket.sent).toMatch(/first\r\n4\r\nlast\r\n0\r\nLimpet-Session-Put: epoch=1\r\n\r\n$/);
    expect(exchange.calls).toEqual(['beforeHead', 'beforeEnd, trailers', 'close, sent']);
  });

  test('has no trailers when its length is known, and asks before the piece that completes it', async () => {
    const { response, exchange } = stage();
    response.writeHead(200, { 'Content-Length': 8 });
    response.write('1234');
    expect(exchange.calls).toEqual(['beforeHead']);
    response.write('5678');
    expect(exchange.calls).toEqual(['beforeHead', 'beforeEnd']);
    response.end();
    await turn();
    expect(exchange.calls).toEqual(['beforeHead', 'beforeEnd', 'close, sent']);
  });
});

describe('a response that waits for the store', () => {
  test('is sent as a whole when the session is stored; to the app it is sent at once', async () => {
    const { response, socket, exchange } = stage();
    const store = pendingLines();
    exchange.atHead = () => store.promise;
    response.writeHead(200, { 'Content-Length': 2 });
    response.end('ok');
    await turn();
    expect(socket.sent).toBe('');
    expect([response.headersSent, response.writableEnded, response.writableFinished]).toEqual([true, true, false]);
    expect(() => response.setHeader('x', '1')).toThrow('after they are sent');
    store.resolve(put);
    await turn();
    expect(socket.sent).toBe(`${head('Content-Length: 2', 'Connection: keep-alive', 'Limpet-Session-Put: epoch=1')}ok`);
    expect(exchange.calls).toEqual(['beforeHead', 'beforeEnd', 'close, sent']);
  });

  test('waits once more when the session has changed while the head waited', async () => {
    const { response, socket, exchange } = stage();
    const [first, second] = [pendingLines(), pendingLines()];
    exchange.atHead = () => first.promise;
    exchange.atEnd = () => second.promise;
    response.end('ok');
    first.resolve([]);
    await turn();
    expect(socket.sent).toBe('');
    second.resolve([]);
    await turn();
    expect(socket.sent).toMatch(/ok$/);
  });

  test('holds the last piece back after its head is sent', async () => {
    const { response, socket, exchange } = stage();
    const store = pendingLines();
    exchange.atEnd = () => store.promise;
    response.writeHead(200);
    response.write('first');
    await turn();
    response.end('last');
    await turn();
    expect(socket.sent).toMatch(/first\r\n$/);
    store.resolve(put);
    await turn();
    expect(socket.sent).toMatch(/first\r\n4\r\nlast\r\n0\r\nLimpet-Session-Put: epoch=1\r\n\r\n$/);
  });

  test('says that it is full, and drains when it is released', async () => {
    const { response, exchange } = stage();
    const store = pendingLines();
    exchange.atHead = () => store.promise;
    let drained = 0;
    response.on('drain', () => drained++);
    expect(response.write(Buffer.alloc(response.writableHighWaterMark))).toBe(false);
    await turn();
    expect([drained, response.writableNeedDrain]).toEqual([0, true]);
    store.resolve([]);
    await turn();
    expect(drained).toBe(1);
  });

  test('keeps its place in a pipeline: it is not sent before the response ahead of it is finished', async () => {
    const { response, socket, exchange, assign } = stage({ isFirst: false });
    const store = pendingLines();
    exchange.atHead = () => store.promise;
    response.end('second');
    store.resolve(put);
    await turn();
    expect(socket.sent).toBe('');
    assign();
    // As the server does with what a response has buffered.
    response._flush();
    await turn();
    expect(socket.sent).toMatch(/^HTTP\/1.1 200 OK\r\n.*Limpet-Session-Put: epoch=1\r\n\r\nsecond$/s);
  });
});

describe('a session that is not stored', () => {
  const refused = new SessionError('session-store', 'the store is away');

  test.each([
    [
      'at once',
      () => {
        throw refused;
      },
    ],
    ['later', () => Promise.reject(refused)],
  ])('becomes a response of its own as long as the head is not sent: %s', async (_when, atHead) => {
    const { response, socket, exchange, errors } = stage();
    exchange.atHead = atHead;
    const written: unknown[] = [];
    response.setHeader('Set-Cookie', 'a=1');
    response.write('app', (error) => written.push(error));
    await turn();
    response.end();
    await turn();
    await turn();
    expect(socket.sent).toMatch(/^HTTP\/1.1 503 Service Unavailable\r\nLimpet-Reason: session-store\r\n/);
    expect(socket.sent).not.toMatch(/app|Set-Cookie/);
    expect([errors, written.length]).toEqual([['the store is away'], 1]);
    expect(exchange.calls).toEqual(['beforeHead', 'fail', 'close, not sent']);
  });

  test('breaks the connection after the head', async () => {
    const { response, socket, exchange } = stage();
    exchange.atEnd = () => Promise.reject(refused);
    response.writeHead(200);
    response.write('first');
    await turn();
    response.end('last');
    await turn();
    expect([socket.destroyed, socket.sent.includes('last')]).toEqual([true, false]);
    expect(exchange.calls.slice(0, 3)).toEqual(['beforeHead', 'beforeEnd, trailers', 'fail']);
  });

  test('drops what the app sends after the failure', async () => {
    const { response, socket, gate } = stage();
    gate.refuse(refused);
    response.write('late');
    response.end('later');
    await turn();
    expect(socket.sent).toMatch(/^HTTP\/1.1 503 /);
    expect(socket.sent).not.toContain('late');
  });
});

describe('the request', () => {
  test('has failed with a status of 500 or above, which is known before the session is stored', () => {
    const { response, exchange } = stage();
    response.writeHead(502);
    expect(exchange.calls).toEqual(['fail', 'beforeHead']);
  });

  test('may still change the session just before the head', () => {
    const { response, exchange, gate } = stage();
    gate.onBeforeHead(() => exchange.calls.push('listener'));
    response.writeHead(200);
    expect(exchange.calls).toEqual(['listener', 'beforeHead']);
  });

  test('that opens its session after the head cannot give the client a cookie', () => {
    const { response, exchange, gate } = stage({ hasSession: false });
    response.writeHead(200);
    gate.use(exchange);
    expect(exchange.calls).toEqual(['markHeadSent']);
  });

  test('is over when the client goes: what waits is dropped, and its callbacks get an error', async () => {
    const { response, socket, exchange } = stage();
    exchange.atHead = () => pendingLines().promise;
    const written: unknown[] = [];
    response.write('app', (error) => written.push(Object(error).code));
    socket.destroy();
    await turn();
    await turn();
    expect(written).toEqual(['ERR_STREAM_DESTROYED']);
    expect(exchange.calls.at(-1)).toBe('close, not sent');
    expect(socket.sent).toBe('');
  });

  test('whose handler fails after end() is reported, and the response goes on', async () => {
    const { response, socket, exchange, gate, errors } = stage();
    response.end('ok');
    gate.refuse(new Error('too late'));
    await turn();
    expect(socket.sent).toMatch(/ok$/);
    expect([errors, exchange.calls]).toEqual([['too late'], ['beforeHead', 'fail', 'close, sent']]);
  });
});
