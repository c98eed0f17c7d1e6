/** Responses read out of bytes: the same whichever way the bytes are cut into reads, also when they are held on the way. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stageServer } from '../../../test/support/stage-server.ts';
import { Method } from '../../http/head.ts';

const responses = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
  'HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\nyou\r\n0\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nLimpet-Session-Delete: epoch=1\r\n\r\n',
  'HTTP/1.1 204 No Content\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more',
  'HTTP/1.1 200 OK\nContent-Length: 5\n\nhello',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
];

function cut(text: string, at: readonly number[]): string[] {
  const places = [...new Set(at.map((place) => place % text.length))].sort((a, b) => a - b);
  return [0, ...places].map((from, i) => text.slice(from, places[i] ?? text.length)).filter((piece) => piece !== '');
}

/** Without the places at which bytes of a body were reported. */
function told(events: readonly string[]): string {
  return events.join('|').replace(/(?<=[a-z ])\|(?=[a-z ]+(\||$))/g, '');
}

describe('a response in pieces', () => {
  test('is the same response, and ends the connection or not', () => {
    const holds = fc.constantFrom(undefined, 'head' as const, 'end' as const);
    fc.assert(
      fc.property(fc.constantFrom(...responses), holds, fc.array(fc.nat(200), { maxLength: 20 }), (text, hold, at) => {
        const [whole, pieces] = [stageServer(), stageServer()];
        const one = whole.send();
        whole.peer.send(text);
        const other = pieces.send(hold === undefined ? {} : { holds: hold });
        for (const piece of cut(text, at)) pieces.peer.send(piece);
        if (other.events.some((event) => event.startsWith('held'))) pieces.connection.resumeHeld();
        // A trailer is asked for again when it has been held.
        const events = other.events.filter((event) => !event.startsWith('held') && event !== 'trailer');
        expect(told(events)).toBe(told(one.events.filter((event) => event !== 'trailer')));
        // Bytes behind a response that come later come on an idle connection.
        expect(pieces.misframed).toEqual(whole.misframed);
        expect(pieces.peer.state === 'open').toBe(whole.peer.state === 'open');
      }),
    );
  });

  test('of a HEAD request has no body, whatever it says', () => {
    const { peer, send } = stageServer();
    const handler = send({ method: Method.head });
    peer.send('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n');
    expect(handler.events).toEqual(['200', 'end, reusable']);
  });
});
