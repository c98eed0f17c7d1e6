/**
 * A way to a server that a test can close and open again while the server lives on, with all that it holds: `refuse` closes
 * the port and breaks what is open; `swallow` accepts, as a stopped process does through its kernel, and answers nothing.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Transform } from 'node:stream';
import { host } from './host.ts';

export interface Gate extends AsyncDisposable {
  readonly name: string;
  /** Where the server is reached, as a config names it. */
  readonly address: string;
  set(state: 'open' | 'refuse' | 'swallow'): Promise<void>;
  /** Nothing passes any more on the connections that are open, and nobody is told, as when the machine at the other end loses its power. */
  stall(): void;
}

/** A gate before the server that listens on `port` of `host`. `rewrite`: what becomes of each piece that the server sends. */
export async function gateBefore(
  { name, port }: { readonly name: string; readonly port: number },
  { rewrite = (piece) => piece }: { readonly rewrite?: (piece: Buffer) => Buffer } = {},
): Promise<Gate> {
  const sockets = new Set<Socket>();
  let state: 'open' | 'refuse' | 'swallow' = 'open';
  const server = createServer({ allowHalfOpen: true }, (client) => {
    sockets.add(client);
    client.on('close', () => sockets.delete(client));
    client.on('error', () => {});
    if (state !== 'open') return;
    const inner = connect({ port, host, allowHalfOpen: true });
    inner.on('error', () => client.destroy());
    client.on('close', () => inner.destroy());
    const answers = new Transform({ transform: (piece: Buffer, _, done) => done(null, rewrite(piece)) });
    client.pipe(inner).pipe(answers).pipe(client);
  });
  const listen = async (at: number): Promise<number> => {
    server.listen(at, host);
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.resetAndDestroy();
    await closed;
  };
  const bound = await listen(0);
  return {
    name,
    address: `${host}:${bound}`,
    set: async (next) => {
      await close();
      state = next;
      if (next !== 'refuse') await listen(bound);
    },
    stall: () => {
      for (const socket of sockets) socket.unpipe().pause();
    },
    [Symbol.asyncDispose]: close,
  };
}
