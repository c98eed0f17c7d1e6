/** Responses read out of bytes: the same whichever way the bytes are cut into reads, also when they are held on the way. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stageServer } from '../../../test/support/stage-server.ts';
import { Method } from '../../http/head.ts';

/** Bodies are in capital letters. */
const responses = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHELLO',
  'HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHELLO\r\n3\r\nYOU\r\n0\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nX',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nX\r\n0\r\nLimpet-Session-Delete: epoch=1\r\n\r\n',
  'HTTP/1.1 204 No Content\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHELLO and more',
  'HTTP/1.1 200 OK\nContent-Length: 5\n\nHELLO',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
];

function cut(text: string, at: readonly number[]): string[] {
  const places = [...new Set(at.map((place) => place % text.length))].sort((a, b) => a - b);
  return [0, ...places].map((from, i) => text.slice(from, places[i] ?? text.length)).filter((piece) => piece !== '');
}

/**
 * A body as one piece, and without what may differ: a trailer is asked for again when it was held, and bytes behind a response that come in
 * a later read come when the connection is idle already.
 */
function normal(events: readonly string[]): string {
  const same = events.filter((event) => !event.startsWith('held') && event !== 'trailer');
  return same
    .join('|')
    .replace(/(?<=[A-Z])\|(?=[A-Z])/g, '')
    .replace(', reusable', '');
}

describe('a response in pieces', () => {
  test('is the same response, and ends the connection or not', () => {
    const holds = fc.constantFrom(undefined, 'head' as const, 'end' as const);
    fc.assert(
      fc.property(fc.constantFrom(...responses), holds, fc.array(fc.nat(200), { maxLength: 20 }), (text, hold, at) => {
        const [atOnce, pieces] = [stageServer(), stageServer()];
        const one = atOnce.send();
        atOnce.peer.send(text);
        const other = pieces.send(hold === undefined ? {} : { holds: hold });
        for (const piece of cut(text, at)) pieces.peer.send(piece);
        if (other.events.some((event) => event.startsWith('held'))) pieces.connection.resumeHeld();
        expect(normal(other.events)).toBe(normal(one.events));
        expect(pieces.misframed).toEqual(atOnce.misframed);
        expect(pieces.peer.state === 'open').toBe(atOnce.peer.state === 'open');
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
