/** What the access log says of bytes is what has come from the client, and what has gone to it: heads, framing, own pages and all. */
import { describe, expect, test } from 'vitest';
import type { FakePeer } from '../../test/support/fake-net.ts';
import { stageBalancer } from '../../test/support/stage-balancer.ts';

const get = 'GET /a HTTP/1.1\r\nHost: x\r\n\r\n';
const ok = 'HTTP/1.1 200 OK\r\n';

const malformed = 'POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcXX';

interface Case {
  readonly requests: readonly string[];
  /** What the server does, once it has been connected to. */
  readonly answer: (server: FakePeer) => void;
  readonly line?: Readonly<Record<string, unknown>>;
}

function says(...pieces: readonly string[]): Case['answer'] {
  return (server) => {
    server.open();
    for (const piece of pieces) server.send(piece);
  };
}

const cases: Readonly<Record<string, Case>> = {
  'a short answer': { requests: [get], answer: says(`${ok}Content-Length: 2\r\n\r\nok`) },
  'an answer in pieces': { requests: [get], answer: says(`${ok}Content-Length: 9\r\n\r\nabc`, 'def', 'ghi') },
  'a body that leaves behind the head of the server': {
    requests: [get],
    answer: says(`${ok}A: ${'a'.repeat(300)}\r\nConnection: close\r\nContent-Length: 4000\r\n\r\n${'b'.repeat(4000)}`),
  },
  'a long body': { requests: [get], answer: says(`${ok}Content-Length: 90000\r\n\r\n`, 'b'.repeat(90_000)) },
  'chunks, with trailers': {
    requests: [get],
    answer: says(
      `${ok}Transfer-Encoding: chunked\r\n\r\n`,
      `3\r\nabc\r\n9c40\r\n${'d'.repeat(40_000)}\r\n`,
      '0\r\nA: b\r\n\r\n',
    ),
  },
  'a body that ends with its connection': {
    requests: [get],
    answer: (server) => {
      says(`${ok}\r\nabc`)(server);
      server.handler.onEnd();
    },
  },
  'chunks, to HTTP/1.0': {
    requests: ['GET /a HTTP/1.0\r\n\r\n'],
    answer: says(`${ok}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`),
  },
  HEAD: { requests: ['HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n'], answer: says(`${ok}Content-Length: 99\r\n\r\n`) },
  'an interim answer': {
    requests: [get],
    answer: says(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${ok}Content-Length: 0\r\n\r\n`),
  },
  'a request with a body': {
    requests: ['POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\nabc', 'defg'],
    answer: says(`${ok}Content-Length: 0\r\n\r\n`),
  },
  'a request in chunks, with trailers': {
    requests: [
      'POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n',
      '4\r\ndefg\r\n0\r\nA: b',
      '\r\n\r\n',
    ],
    answer: says(`${ok}Content-Length: 0\r\n\r\n`),
  },
  'a request in chunks that are malformed': {
    requests: [malformed, 'more'],
    answer: () => {},
    line: { status: 400, fault: 'bad-chunk', bytesIn: malformed.length },
  },
  'a head in pieces': {
    requests: ['GET /a HTTP/1.1\r\nHo', 'st: x\r\n\r\n'],
    answer: says(`${ok}Content-Length: 0\r\n\r\n`),
  },
  'a page of our own': {
    requests: [get],
    answer: (server) => server.fail('refused', 'ECONNREFUSED'),
    line: { status: 503, fault: 'connect-refused' },
  },
  'a page of our own to HEAD': {
    requests: ['HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n'],
    answer: (server) => server.fail('refused', 'ECONNREFUSED'),
    line: { status: 503, fault: 'connect-refused' },
  },
  'an answer that is cut short': {
    requests: [get],
    answer: (server) => {
      says(`${ok}Content-Length: 90000\r\n\r\n`, 'b'.repeat(40_000))(server);
      server.leave(null);
    },
    line: { status: 200, fault: 'body-cut' },
  },
  'a tunnel': {
    requests: ['GET /a HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n', 'from the client'],
    answer: (server) => {
      says(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nearly',
        'late',
      )(server);
      server.leave(null);
    },
  },
};

describe('bytes of the access log and of the counters', () => {
  test.each(Object.entries(cases))('%s', (_, { requests, answer, line = {} }) => {
    const balancer = stageBalancer({ affinity: 'none', retry: { attempts: 1 } });
    const client = balancer.connect();
    for (const request of requests) client.send(request);
    balancer.endTurn();
    const server = balancer.net.peers.at(-1);
    if (server !== undefined) answer(server);
    balancer.endTurn();
    const bytesIn = requests.join('').length;
    const bytesOut = client.received.length;
    expect(bytesOut).toBeGreaterThan(0);
    expect(balancer.accessLines()).toEqual([expect.objectContaining({ bytesIn, bytesOut, ...line })]);
    expect(balancer.counters()).toMatchObject({ bytes_in: line.bytesIn ?? bytesIn, bytes_out: bytesOut });
  });

  test('what a client that takes nothing has not taken was not sent', () => {
    const balancer = stageBalancer({ affinity: 'none', retry: { attempts: 1 } });
    const client = balancer.connect();
    client.send(get);
    balancer.endTurn();
    const [server] = balancer.net.peers;
    says(`${ok}Content-Length: 90000\r\n\r\nabc`)(server!);
    const taken = client.received.length;
    client.slow = true;
    server!.send('d'.repeat(60_000));
    // Looked at when half of the time has passed, and again.
    for (let i = 0; i < 2; i++) balancer.advance(60_000);
    expect(balancer.accessLines()).toMatchObject([{ status: 200, fault: 'client-gone', bytesOut: taken }]);
  });
});
