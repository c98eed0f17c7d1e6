/** A response of which only the documented interface is there; the store answers when the test says so. */
import type { IncomingMessage } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { FakeExchange, pendingLines } from '../../../test/session/support/fake-exchange.ts';
import { asResponse, FakeResponse } from '../../../test/session/support/fake-response.ts';
import { SessionError } from '../error.ts';
import { QueuedResponseGate } from './queued-response-gate.ts';

function stage({ method = 'GET', hasSession = true } = {}) {
  const response = new FakeResponse();
  const request = { method, httpVersion: '1.1', socket: { destroyed: false } } as unknown as IncomingMessage;
  const errors: string[] = [];
  const gate = new QueuedResponseGate(request, asResponse(response), ({ message }) => errors.push(message));
  const exchange = new FakeExchange();
  if (hasSession) gate.use(exchange);
  return { response, gate, exchange, errors };
}

const put = [['Limpet-Session-Put', 'epoch=1']] as const;

describe('a response that need not wait', () => {
  test('passes unchanged without a session', async () => {
    const { response, exchange } = stage({ hasSession: false });
    response.writeHead(201, { a: '1' });
    response.write('body');
    response.end();
    await turn();
    expect(response.sent).toEqual(['head 201; a: 1', 'body', 'end']);
    expect(exchange.calls).toEqual([]);
  });

  test.each<[string, (response: FakeResponse) => void]>([
    ['end', (response) => response.end('body')],
    ['write', (response) => response.write('body')],
    ['flushHeaders', (response) => response.flushHeaders()],
    ['writeHead', (response) => response.writeHead(200)],
  ])("gets the session's lines in its head when that is sent by %s", (_name, send) => {
    const { response, exchange } = stage();
    exchange.atHead = () => put;
    send(response);
    expect(response.sent[0]).toBe('head 200; limpet-session-put: epoch=1');
  });

  test("keeps the session's cookie beside one that is given to writeHead", () => {
    const { response, exchange } = stage();
    exchange.atHead = () => [['Set-Cookie', 'sid=1']];
    response.setHeader('Set-Cookie', 'before=1');
    response.writeHead(200, { 'Set-Cookie': 'app=1' });
    expect(response.sent).toEqual(['head 200; set-cookie: app=1, sid=1']);
  });

  test('asks once for head and body together, and once more for a body that came after the head', async () => {
    const [whole, parts] = [stage(), stage()];
    whole.response.end('body');
    parts.response.write('first');
    parts.exchange.atEnd = () => put;
    parts.response.end('last');
    await turn();
    expect(whole.exchange.calls).toEqual(['beforeHead', 'close, sent']);
    expect(parts.exchange.calls).toEqual(['beforeHead', 'beforeEnd, trailers', 'close, sent']);
    expect(parts.response.sent.slice(1)).toEqual(['first', 'trailers {"Limpet-Session-Put":"epoch=1"}', 'last', 'end']);
  });

  test('asks before the piece that completes a body of known length', () => {
    const { response, exchange } = stage();
    response.writeHead(200, { 'Content-Length': 8 });
    response.write('1234');
    expect(exchange.calls).toEqual(['beforeHead']);
    response.write('5678');
    expect(exchange.calls).toEqual(['beforeHead', 'beforeEnd']);
  });
});

describe('a response that waits for the store', () => {
  test('is sent in order when the session is stored; to the app it is sent at once', async () => {
    const { response, exchange } = stage();
    const store = pendingLines();
    exchange.atHead = () => store.promise;
    response.writeHead(201, { a: '1' });
    response.write('first');
    response.end('last');
    expect([response.sent, response.statusCode]).toEqual([[], 201]);
    expect([response.headersSent, response.writableEnded, response.writableFinished]).toEqual([true, true, false]);
    expect(() => response.setHeader('x', '1')).toThrow('after they are sent');
    store.resolve(put);
    await turn();
    expect(response.sent).toEqual(['head 201; a: 1; limpet-session-put: epoch=1', 'first', 'last', 'end']);
    expect(exchange.calls).toEqual(['beforeHead', 'beforeEnd, trailers', 'close, sent']);
  });

  test('waits once more when the session has changed while the head waited', async () => {
    const { response, exchange } = stage();
    const [first, second] = [pendingLines(), pendingLines()];
    exchange.atHead = () => first.promise;
    exchange.atEnd = () => second.promise;
    response.end('ok');
    first.resolve([]);
    await turn();
    expect([response.sent, response.writableEnded]).toEqual([[], true]);
    second.resolve(put);
    await turn();
    expect(response.sent).toEqual(['trailers {"Limpet-Session-Put":"epoch=1"}', 'head 200', 'ok', 'end']);
  });

  test('sends the status that it had when its head waited, whatever the app sets meanwhile', async () => {
    const { response, exchange } = stage();
    const store = pendingLines();
    exchange.atHead = () => store.promise;
    response.flushHeaders();
    response.statusCode = 404;
    store.resolve([]);
    await turn();
    expect([response.sent, response.statusCode]).toEqual([['head 200'], 404]);
  });

  test('says that it is full, and drains when it is released', async () => {
    const { response, exchange } = stage();
    const store = pendingLines();
    exchange.atHead = () => store.promise;
    let drained = 0;
    response.on('drain', () => drained++);
    expect(response.write('more than the 16 bytes of room')).toBe(false);
    await turn();
    expect(drained).toBe(0);
    store.resolve([]);
    await turn();
    await turn();
    expect(drained).toBe(1);
  });

  test('refuses at once what the response would refuse later', () => {
    const { response, exchange } = stage();
    exchange.atHead = () => pendingLines().promise;
    response.write('first');
    expect(() => response.write(17 as never)).toThrow('must be of type string or an instance of Uint8Array');
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
    const { response, exchange, errors } = stage();
    exchange.atHead = atHead;
    let written = 0;
    response.setHeader('Set-Cookie', 'a=1');
    response.write('app', () => written++);
    response.end();
    await turn();
    await turn();
    expect(response.sent[0]).toMatch(/^head 503; limpet-reason: session-store; /);
    expect(response.sent.join()).not.toMatch(/app|a=1/);
    expect([errors, written]).toEqual([['the store is away'], 1]);
    expect(exchange.calls.slice(0, 3)).toEqual(['beforeHead', 'fail', 'close, not sent']);
  });

  test('breaks the connection after the head', async () => {
    const { response, exchange } = stage();
    exchange.atEnd = () => Promise.reject(refused);
    response.write('first');
    response.end('last');
    await turn();
    expect([response.destroyed, response.sent]).toEqual([true, ['head 200', 'first']]);
  });

  test('answers whoever waits for a call that is held when the head itself is refused', async () => {
    const { response, exchange, errors } = stage();
    const store = pendingLines();
    exchange.atHead = () => store.promise;
    response.appendHeader = () => {
      throw new TypeError('Header name must be a valid HTTP token');
    };
    let written = 0;
    response.writeHead(200);
    response.write('app', () => written++);
    store.resolve([['bad name', '']]);
    await turn();
    await turn();
    expect([errors, written]).toEqual([['Header name must be a valid HTTP token'], 1]);
    expect(response.sent[0]).toMatch(/^head 500; limpet-reason: session-error/);
  });
});

describe('the request', () => {
  test('has failed with a status of 500 or above, which is known before the session is stored', () => {
    const { response, exchange } = stage();
    response.writeHead(502);
    expect(exchange.calls).toEqual(['fail', 'beforeHead']);
  });

  test('that opens its session after the head cannot give the client a cookie', () => {
    const { response, exchange, gate } = stage({ hasSession: false });
    response.writeHead(200);
    gate.use(exchange);
    expect(exchange.calls).toEqual(['markHeadSent']);
  });

  test('is over when the client goes: what waits is dropped, and its callbacks get an error', async () => {
    const { response, exchange } = stage();
    exchange.atHead = () => pendingLines().promise;
    const written: unknown[] = [];
    response.write('app', ((error: unknown) => written.push(Object(error).code)) as never);
    response.destroy();
    await turn();
    expect([written, response.sent]).toEqual([['ERR_STREAM_DESTROYED'], []]);
    expect(exchange.calls.at(-1)).toBe('close, not sent');
  });

  test('has no body to a HEAD: nothing of it is held, and its writers go on', async () => {
    const { response, exchange } = stage({ method: 'HEAD' });
    exchange.atHead = () => pendingLines().promise;
    let written = 0;
    expect(response.write('more than the 16 bytes of room', () => written++)).toBe(true);
    await turn();
    expect(written).toBe(1);
  });
});
