/** The same network over TLS: `accept` is called when the handshake is over, so that the cases of plain sockets hold as they are. */
import type { HandshakeHandler, Net, Socket } from '../../src/net/socket.ts';
import type { ClientTls, ServerTls } from '../../src/net/tls.ts';
import { violations } from './peer.ts';

export function overTls(net: Net, server: ServerTls, client: ClientTls): Net {
  return {
    ...net,
    listen: ({ accept, ...options }) =>
      net.listen({ ...options, tls: server, accept: (socket) => new Handshake(socket, accept) }),
    connect: (address, handler) => net.connect(address, handler, client),
  };
}

class Handshake implements HandshakeHandler {
  private readonly socket: Socket;
  private readonly accept: (socket: Socket) => Socket['handler'] | null;

  constructor(socket: Socket, accept: (socket: Socket) => Socket['handler'] | null) {
    this.socket = socket;
    this.accept = accept;
  }

  onSecure(): void {
    const handler = this.accept(this.socket);
    if (handler === null) this.socket.destroy();
    else this.socket.handler = handler;
  }

  onPlainHttp(): Uint8Array {
    violations.push('a TLS client is taken for a plain one');
    return new Uint8Array();
  }

  onData(): void {
    violations.push('onData during the handshake');
  }

  onDrain(): void {
    violations.push('onDrain during the handshake');
  }

  onEnd(): void {}

  onClose(): void {}
}
