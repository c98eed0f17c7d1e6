import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { body } from './backend.ts';
import { headOf, parseResult, runLoad } from './load.ts';
import { chooseCores } from './machine.ts';
import { findProgram } from './processes.ts';

describe('headOf', () => {
  test('one header a line, the cookie last', () => {
    expect(headOf({ method: 'POST', path: '/a', headers: ['X-A: 1'], cookie: 'SRV=s1' })).toBe(
      'POST /a HTTP/1.1\r\nHost: bench.example\r\nX-A: 1\r\nCookie: SRV=s1\r\n\r\n',
    );
  });
});

describe('parseResult', () => {
  test('takes the last line', () => {
    const result = { requests: 3, seconds: 1, behind: 0, p50: 1, p99: 2, p999: 3 };
    expect(parseResult(`ready\n${JSON.stringify(result)}\n`)).toEqual(result);
  });

  test('no response at all is an error, not a rate of zero', () => {
    expect(() => parseResult('{"requests":0}')).toThrow('no response at all');
  });
});

describe.skipIf(findProgram('cc') === null)('the HTTP load', () => {
  let server: Server;
  let connections = 0;
  let answer = { status: 200, body };
  beforeEach(async () => {
    connections = 0;
    answer = { status: 200, body };
    server = createServer((request, response) => {
      request.resume().on('end', () => {
        response.writeHead(answer.status, { 'Content-Length': answer.body.length }).end(answer.body);
      });
    });
    server.on('connection', () => (connections += 1));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const load = (options: readonly string[], heads = [headOf({})]) => {
    const { port } = server.address() as AddressInfo;
    const usual = ['-l', String(body.length), '-c', '4'];
    return runLoad({ source: 'load/http.c', core: chooseCores().load, port, heads, options: [...usual, ...options] });
  };

  test('asks a number of times on kept connections', async () => {
    expect(await load(['-n', '100'])).toMatchObject({ requests: 100, behind: 0 });
    expect(connections).toBe(4);
  });

  test('without keep-alive each request has its connection', async () => {
    await load(['-n', '20', '-1'], [headOf({ headers: ['Connection: close'] })]);
    expect(connections).toBe(20);
  });

  test('keeps to a rate', async () => {
    expect(await load(['-r', '100', '-t', '300'])).toMatchObject({ requests: 30, behind: 0 });
  });

  test('sends bodies', async () => {
    const heads = [headOf({ method: 'POST', headers: ['Content-Length: 300000'] })];
    expect(await load(['-n', '10', '-b', '300000'], heads)).toMatchObject({ requests: 10 });
  });

  test('another status or length is an error', async () => {
    answer = { status: 503, body };
    await expect(load(['-n', '10'])).rejects.toThrow('answered: HTTP/1.1 503');
    answer = { status: 200, body: 'short' };
    await expect(load(['-n', '10'])).rejects.toThrow('a body of 5 bytes instead of');
  });
});
