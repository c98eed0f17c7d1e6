/** Which protocol a client speaks on a plain listener. */
import { describe, expect, test } from 'vitest';
import { frame } from '../../../test/support/h2-frames.ts';
import { type Settings, stageConnection } from '../../../test/support/stage-client.ts';
import { clientPreface } from '../../http/h2/frame.ts';
import { H1ClientConnection } from './h1-connection.ts';
import { H2ClientConnection } from './h2-connection.ts';
import { ProtocolChoice } from './protocol-choice.ts';

const get = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

function stage(settings: Settings = {}) {
  const replaced: unknown[] = [];
  const it = stageConnection(
    ProtocolChoice,
    { protocols: ['h2', 'h1'], ...settings, onReplace: (from, by) => void replaced.push(from, by) },
    2 ** 20,
  );
  return { ...it, replaced, send: (text: string | Buffer) => it.peer.handler.onData(Buffer.from(text)) };
}

describe('by its first bytes', () => {
  test('HTTP/1.1', () => {
    const { send, replaced, connection, events } = stage();
    send(get);
    expect([replaced[0], replaced[1]]).toEqual([connection, expect.any(H1ClientConnection)]);
    expect(events()).toEqual(['GET /', 'start']);
  });

  test.each([1, 3, 23, 24])('HTTP/2, in pieces of %d bytes', (size) => {
    const { send, replaced, peer, endTurn } = stage();
    const bytes = Buffer.concat([clientPreface, frame(4, 0, 0)]);
    for (let p = 0; p < bytes.length; p += size) send(bytes.subarray(p, p + size));
    expect(replaced[1]).toBeInstanceOf(H2ClientConnection);
    endTurn();
    // SETTINGS, WINDOW_UPDATE, and the acknowledgement.
    expect(Buffer.from(peer.received, 'latin1').subarray(-9)).toEqual(frame(4, 1, 0));
  });

  test('a method that begins like the preface is one of HTTP/1.1', () => {
    const { send, events } = stage();
    send('PR');
    send('I / HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(events()).toEqual(['PRI /', 'start']);
  });

  test('a listener of HTTP/2 alone answers HTTP/1.1 with 505', () => {
    const { send, peer, events, counters } = stage({ protocols: ['h2'] });
    send(get);
    expect(peer.received).toMatch(/^HTTP\/1\.1 505 .*\r\nLimpet-Reason: http2-required\r\n/s);
    expect([events(), peer.ended, counters().requests_refused_http2_required]).toEqual([[], true, 1]);
  });
});

describe('one that is too many is told in its protocol', () => {
  test('HTTP/1.1', () => {
    const { send, connection, peer } = stage();
    connection.refuseConnection();
    send(get);
    expect(peer.received).toMatch(/^HTTP\/1\.1 503 /);
  });

  test('HTTP/2', () => {
    const { send, connection, peer } = stage();
    connection.refuseConnection();
    send(clientPreface);
    // GOAWAY with ENHANCE_YOUR_CALM.
    expect(peer.received).toContain('\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0b');
  });
});

describe('a client that says nothing', () => {
  test('has timeouts.requestHead', () => {
    const { send, advance, peer } = stage();
    send('PRI');
    advance(9000);
    send(' *');
    expect(peer.state).toBe('open');
    advance(1100);
    expect(peer.state).toBe('closed');
  });

  test('makes room for others, and goes when the listener stops', () => {
    const one = stage();
    expect(one.connection.evict(1000)).toBe(false);
    one.advance(1100);
    expect([one.connection.evict(1000), one.peer.state]).toEqual([true, 'closed']);
    const other = stage();
    other.connection.stop();
    expect(other.peer.state).toBe('closed');
    other.peer.leave(null);
    expect(other.closed()).toBe(1);
  });
});
