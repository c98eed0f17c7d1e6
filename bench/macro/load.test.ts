import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import {
  createServer as createHttp2,
  createSecureServer as createSecureHttp2,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { createServer as createTls, type Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { body } from './backend.ts';
import { certificate } from './certificate.ts';
import { missingForTls } from './compile.ts';
import { headOf, parseResult, runLoad } from './load.ts';
import { chooseCores } from './machine.ts';
import { findProgram } from './processes.ts';

const hasCompiler = findProgram('cc') !== null;
const hasTls = hasCompiler && missingForTls() === null;

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

describe.skipIf(!hasCompiler)('the HTTP load', () => {
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

const identity = () => ({ cert: readFileSync(certificate().cert), key: readFileSync(certificate().key) });
const portOf = (server: Server | TlsServer | Http2Server) =>
  new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });

describe.skipIf(!hasTls)('the HTTP load over TLS', () => {
  let server: TlsServer;
  let handshakes: boolean[];
  let options = {};
  const listen = () => {
    handshakes = [];
    server = createTls({ ...identity(), ...options }, (request, response) => {
      request.resume().on('end', () => response.writeHead(200, { 'Content-Length': body.length }).end(body));
    });
    server.on('secureConnection', (socket) => handshakes.push(socket.isSessionReused()));
    return portOf(server);
  };
  afterEach(() => {
    options = {};
    server.closeAllConnections();
    server.close();
  });

  const load = (port: number, more: readonly string[], heads = [headOf({})]) => {
    const usual = ['-l', String(body.length), '-c', '4', '-n', '40'];
    const program = { source: 'load/http.c', tls: true, core: chooseCores().load, port, heads } as const;
    return runLoad({ ...program, options: [...usual, ...more] });
  };
  const closing = [headOf({ headers: ['Connection: close'] })];

  test('asks on kept connections', async () => {
    expect(await load(await listen(), [])).toMatchObject({ requests: 40 });
    expect(handshakes).toHaveLength(4);
  });

  test('sends bodies', async () => {
    const heads = [headOf({ method: 'POST', headers: ['Content-Length: 300000'] })];
    expect(await load(await listen(), ['-b', '300000'], heads)).toMatchObject({ requests: 40 });
  });

  test.each(['2', '3'])('TLS 1.%s: full handshakes', async (version) => {
    options = { maxVersion: `TLSv1.${version}`, minVersion: `TLSv1.${version}` };
    await load(await listen(), ['-1', '-v', version], closing);
    expect(handshakes).toEqual(Array(40).fill(false));
  });

  test.each(['2', '3'])('TLS 1.%s: resumed handshakes, all but the first of each connection', async (version) => {
    await load(await listen(), ['-1', '-R', '-v', version], closing);
    expect(handshakes.filter((reused) => reused)).toHaveLength(36);
  });

  test('a server that resumes nothing is an error', async () => {
    // Tickets that nobody but the thread that made them could read, and the cache of TLS 1.2 is not one by default.
    const port = await listen();
    server.on('secureConnection', () => server.setTicketKeys(Buffer.alloc(48, handshakes.length)));
    await expect(load(port, ['-1', '-R'], closing)).rejects.toThrow('TLS sessions were resumed');
  });

  test('a server that does not choose HTTP/1.1 is an error', async () => {
    options = { ALPNProtocols: ['h2'] };
    await expect(load(await listen(), [])).rejects.toThrow('handshake: ');
  });
});

describe.skipIf(!hasCompiler)('the HTTP/2 load', () => {
  let server: Http2Server;
  /** `most`: streams of one connection at the same time. */
  let seen: { connections: number; most: number; fields: Set<string> };
  let answer: { status: number; body: string };
  const listen = (tls: boolean) => {
    seen = { connections: 0, fields: new Set(), most: 0 };
    answer = { status: 200, body };
    server = tls ? createSecureHttp2(identity()) : createHttp2();
    server.on('session', (session) => {
      let open = 0;
      session.on('error', () => {});
      seen.connections += 1;
      session.on('stream', (stream: ServerHttp2Stream, fields: IncomingHttpHeaders) => {
        open += 1;
        seen.fields.add([':method', ':scheme', ':path', ':authority', 'cookie'].map((name) => fields[name]).join(' '));
        // The load ends when its time is over or an answer is wrong, and resets what is under way.
        stream.on('error', () => {});
        // Answered together, a turn later: what came together is open at the same time.
        stream.resume().on('end', () => setImmediate(respond, stream));
        seen.most = Math.max(seen.most, open);
        stream.on('close', () => (open -= 1));
      });
    });
    const respond = (stream: ServerHttp2Stream) => {
      stream.respond({ ':status': answer.status });
      stream.end(answer.body);
    };
    return portOf(server);
  };
  afterEach(() => {
    server.close();
  });

  const load = (port: number, tls: boolean, more: readonly string[] = [], heads = [headOf({})]) => {
    const program = { source: 'load/http2.c', tls, core: chooseCores().load, port, heads } as const;
    return runLoad({ ...program, options: ['-l', String(body.length), '-c', '2', '-s', '4', '-t', '100', ...more] });
  };

  test.skipIf(!hasTls)('over TLS', async () => {
    const { requests } = await load(await listen(true), true);
    expect(requests).toBeGreaterThanOrEqual(8);
    expect(seen.fields).toEqual(new Set(['GET https / bench.example ']));
  });

  test('each connection has its cookie, and all of its streams under way', async () => {
    const heads = ['a=1', 'b=2'].map((cookie) => headOf({ cookie, path: '/path' }));
    await load(await listen(false), false, [], heads);
    expect(seen).toMatchObject({ connections: 2, most: 4 });
    expect(seen.fields).toEqual(new Set(['GET http /path bench.example a=1', 'GET http /path bench.example b=2']));
  });

  test('sends bodies that are longer than the window', async () => {
    const heads = [headOf({ method: 'POST', headers: ['Content-Length: 200000'] })];
    const { requests } = await load(await listen(false), false, ['-b', '200000'], heads);
    expect(requests).toBeGreaterThanOrEqual(8);
  });

  test('another status or length is an error', async () => {
    const port = await listen(false);
    answer = { status: 503, body };
    await expect(load(port, false)).rejects.toThrow('the first field is not the status 200');
    answer = { status: 200, body: 'short' };
    await expect(load(port, false)).rejects.toThrow('a body of 5 bytes instead of');
  });
});
