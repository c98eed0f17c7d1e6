/** A WebSocket of `ws` on a stream that is open, as HTTP/2 has them: the package has no constructor for that. */
import type { Duplex } from 'node:stream';
import WebSocket from 'ws';

export function webSocketOn(stream: Duplex): WebSocket {
  const socket = new WebSocket(null as never, undefined, {});
  // Made without an address it takes itself for a server's, and waits no time at all for the answer to its close frame.
  Object.assign(socket, { _isServer: false, _closeTimeout: 30_000 });
  Object.assign(stream, { setTimeout() {}, setNoDelay() {} });
  (socket as unknown as { setSocket(on: Duplex, head: Buffer, options: object): void }).setSocket(
    stream,
    Buffer.alloc(0),
    { allowSynchronousEvents: true, maxPayload: 2 ** 24, skipUTF8Validation: false },
  );
  return socket;
}
