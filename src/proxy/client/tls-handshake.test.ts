/** A client's connection while its TLS handshake is under way. */
import { describe, expect, test } from 'vitest';
import { type Settings, stageConnection } from '../../../test/support/stage-client.ts';
import type { TlsSession } from '../../net/tls.ts';
import { H1ClientConnection } from './h1-connection.ts';
import { H2ClientConnection } from './h2-connection.ts';
import { TlsHandshake } from './tls-handshake.ts';

const session: TlsSession = {
  protocol: 'http/1.1',
  serverName: 'a.example',
  version: 'TLSv1.3',
  cipher: 'TLS_AES_128_GCM_SHA256',
  resumed: false,
  clientCertificate: null,
};

const get = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

function stage(settings: Settings = {}) {
  const replaced: unknown[] = [];
  const it = stageConnection(
    TlsHandshake,
    { protocols: ['h2', 'h1'], ...settings, onReplace: (from, by) => void replaced.push(from, by) },
    2 ** 20,
  );
  return { ...it, replaced };
}

describe('the handshake is over', () => {
  test.each([
    ['h2', H2ClientConnection],
    ['http/1.1', H1ClientConnection],
    // It cannot speak HTTP/2, which needs ALPN.
    ['', H1ClientConnection],
  ] as const)('with protocol "%s", the connection of that protocol takes its place', (protocol, expected) => {
    const { connection, peer, replaced, counters, advance } = stage();
    connection.onSecure({ ...session, protocol });
    expect(replaced).toEqual([connection, expect.any(expected)]);
    expect(peer.handler).toBe(replaced[1]);
    expect(counters()).toMatchObject({ tls_handshakes: 1, tls_handshakes_resumed: 0, tls_handshakes_failed: 0 });
    // Its deadline is over with it.
    advance(9000);
    expect(peer.state).toBe('open');
  });

  test('a request that follows is served', () => {
    const { connection, peer, events } = stage();
    connection.onSecure(session);
    peer.send(get);
    expect(events()).toEqual(['GET /', 'start']);
  });

  test('a resumed session is counted', () => {
    const { connection, counters } = stage();
    connection.onSecure({ ...session, resumed: true });
    expect(counters()).toMatchObject({ tls_handshakes: 1, tls_handshakes_resumed: 1 });
  });

  test('one that is too many is told in its protocol', () => {
    const { connection, peer } = stage();
    connection.refuseConnection();
    expect(peer.received).toBe('');
    connection.onSecure(session);
    peer.send(get);
    expect(peer.received).toMatch(/^HTTP\/1\.1 503 /);
  });

  test('a client without ALPN, where HTTP/2 alone is spoken, is told 505', () => {
    const { connection, peer } = stage({ protocols: ['h2'] });
    connection.onSecure({ ...session, protocol: '' });
    peer.send(get);
    expect(peer.received).toMatch(/^HTTP\/1\.1 505 .*\r\nLimpet-Reason: http2-required\r\n/s);
  });

  test('while the listener stops, the connection ends without a request', () => {
    const { connection, context, peer } = stage();
    context.stopping = true;
    connection.onSecure(session);
    peer.send(get);
    expect(peer.received).not.toContain('200');
    expect([peer.ended || peer.state !== 'open']).toEqual([true]);
  });
});

describe('the handshake fails', () => {
  test('by its error: counted once, and the connection is gone', () => {
    const { connection, closed, counters } = stage();
    connection.onClose(Object.assign(new Error('no'), { code: 'ERR_SSL_NO_SHARED_CIPHER' }));
    connection.onClose(null);
    expect(closed()).toBe(1);
    expect(counters()).toMatchObject({ tls_handshakes: 0, tls_handshakes_failed: 1, tls_handshakes_timed_out: 0 });
  });

  test('because timeouts.handshake is over: that is counted, and no failure besides', () => {
    const { peer, advance, counters, closed } = stage({ timeouts: { handshake: 5000 } });
    advance(4900);
    expect(peer.state).toBe('open');
    advance(200);
    expect(peer.state).toBe('reset');
    peer.leave(null);
    expect([closed(), counters().tls_handshakes_timed_out, counters().tls_handshakes_failed]).toEqual([1, 1, 0]);
  });

  test('because it was plain HTTP: the answer says so', () => {
    const { connection, counters } = stage();
    const answer = Buffer.from(connection.onPlainHttp()).toString();
    expect(answer).toMatch(
      /^HTTP\/1\.1 400 Bad Request\r\n.*\r\nLimpet-Reason: https-required\r\n(?:.*\r\n)?Connection: close\r\n\r\n/s,
    );
    expect(answer).toContain(`Content-Length: ${answer.length - answer.indexOf('\r\n\r\n') - 4}\r\n`);
    expect(counters().requests_refused_https_required).toBe(1);
  });

  test.each([
    ['stop', (one: TlsHandshake) => one.stop()],
    ['destroy', (one: TlsHandshake) => one.destroy()],
  ])('%s ends it, and is no failure of the client', (_, end) => {
    const { connection, peer, counters } = stage();
    end(connection);
    expect(peer.state).toBe('reset');
    peer.leave(null);
    expect(counters().tls_handshakes_failed).toBe(0);
  });

  test('evict ends one that has taken so long', () => {
    const { connection, peer, advance } = stage();
    advance(900);
    expect(connection.evict(1000)).toBe(false);
    advance(200);
    expect([connection.evict(1000), peer.state]).toEqual([true, 'reset']);
  });
});
