/**
 * The one socket shape of Limpet. `net/node.ts` and `net/bun.ts` implement it; nothing else touches a
 * runtime's sockets. A socket never buffers silently: `write` answers false when it had to keep bytes, and
 * `onDrain` is called when they are gone.
 */
import type { ClientTls, ServerTls, TlsSession } from './tls.ts';

export type Address =
  | {
      readonly kind: 'tcp';
      readonly host: string;
      readonly port: number;
      /** The name that was looked up for `host`. */
      readonly name?: string;
    }
  | { readonly kind: 'unix'; readonly path: string };

/**
 * Called by a socket. Callbacks come one at a time, and never from inside `write`, `end`, `pause` or `resume`. When a connection
 * breaks, also by a failed write, everything that had arrived is delivered before `onClose`; on Bun even while it is paused.
 */
export interface SocketHandler {
  /** Bytes from the peer. The chunk is the receiver's to keep and to change. */
  onData(chunk: Buffer): void;
  /** Everything that `write` had to keep has been passed to the kernel. */
  onDrain(): void;
  /**
   * The peer has sent its last byte (FIN, or close_notify). Our direction is still open until `end` or `destroy`. With TLS, neither
   * runtime tells a close_notify from a FIN without one, which anybody on the way can send: where it matters, a message has to tell
   * by itself that it is complete.
   */
  onEnd(): void;
  /** The socket is gone; exactly once, last of all callbacks. `error` when it broke (reset, refused by the network). */
  onClose(error: Error | null): void;
}

/**
 * For a connection of a TLS listener whose handshake is under way: no bytes can be written, and none arrive. A handshake that fails is
 * `onClose` with an error, whose code says why.
 */
export interface HandshakeHandler extends SocketHandler {
  /** The handshake is over, and `socket.tls` is set. Here the handler may be replaced by that of the protocol. */
  onSecure(session: TlsSession): void;
  /** The client has sent an HTTP request without TLS. These bytes are sent to it as they are, and then the handshake has failed. */
  onPlainHttp(): Uint8Array;
}

export function isHandshake(handler: SocketHandler): handler is HandshakeHandler {
  return 'onSecure' in handler && 'onPlainHttp' in handler;
}

/** Gets each change of a socket's `pending`. One budget bounds the bytes of all connections (proxy/buffer-budget.ts). */
export interface Account {
  /** This many bytes more are buffered; negative: fewer. */
  addBuffered(bytes: number): void;
  /** Much is buffered already: a read should bring no more than each connection may buffer. */
  readonly crowded: boolean;
}

/** For a socket whose owner is not known yet. */
export const noAccount: Account = { addBuffered() {}, crowded: false };

/** For a socket whose owner is not known yet, or that was refused. */
export const nobody: SocketHandler = { onData() {}, onDrain() {}, onEnd() {}, onClose() {} };

export interface Socket {
  /** Gets the callbacks. May be replaced between callbacks (a connection becomes a tunnel). */
  handler: SocketHandler;
  /** Address of the peer without port; '' on a unix-domain socket. IPv4-mapped IPv6 is given as IPv4. */
  readonly remoteAddress: string;
  /** Bytes kept by `write` that the kernel has not taken yet. */
  readonly pending: number;
  /** The file descriptor while it is open; -1: not known. */
  readonly descriptor: number;
  /** TLS ends in net/: true when the peer's side of this socket is encrypted, or will be once the handshake is over. */
  readonly secure: boolean;
  /** What the handshake has agreed on; null: not over yet, or the socket is plain. */
  readonly tls: TlsSession | null;

  /** Sends by reference: the chunk belongs to the socket from here on. False: kept bytes, wait for `onDrain`. */
  write(chunk: Uint8Array): boolean;
  /** Sends `bytes[0..length)` and leaves the buffer to the caller: what the kernel does not take is copied. */
  writeCopy(bytes: Buffer, length: number): boolean;
  /** Half-close: FIN, with TLS close_notify, after all that was written. Reading goes on. */
  end(): void;
  /** Closes both directions after all that was written has been passed to the kernel. */
  close(): void;
  /** Resets the connection at once (RST, no close_notify); kept bytes are dropped. The peer cannot take this for a regular end. */
  destroy(): void;
  /** Stops reading: the kernel's window fills and the peer has to wait. */
  pause(): void;
  resume(): void;
  /** From now on this account gets the changes of `pending`, beginning with the bytes that are kept now. */
  charge(account: Account): void;
}

export interface ListenOptions {
  readonly address: Address;
  /** Several listeners, in several threads or processes, share one port. Default false. */
  readonly reusePort: boolean;
  /** Kernel queue of connections not accepted yet. Default 511. Bun decides by itself. */
  readonly backlog: number;
  /** null: plain. */
  readonly tls: ServerTls | null;
  /**
   * Gives each new connection its handler; null refuses it: the socket is reset. With TLS it is called before the handshake, so that
   * connections that never finish theirs are counted and bounded too.
   */
  readonly accept: (socket: Socket) => SocketHandler | HandshakeHandler | null;
  /** A connection could not be accepted (EMFILE); listening goes on. Bun does not report it. */
  readonly onError: (error: Error) => void;
}

export interface ListeningSocket {
  /** The port that is bound, also when port 0 was asked for; 0 on a unix-domain socket. */
  readonly port: number;
  /**
   * For a listener that was opened with TLS: handshakes that begin from now on follow these rules, and open connections stay. Throws
   * when the runtime refuses them, and then the former ones hold.
   */
  setTls(tls: ServerTls): void;
  /** Stops accepting; connections already open stay. */
  close(): void;
}

export interface ConnectHandler {
  /** Connected, and with TLS the handshake is over. Answers the handler of the socket. */
  onOpen(socket: Socket): SocketHandler;
  /**
   * Refused or unreachable, or this machine could not connect (`shortageOf`), or the TLS handshake failed, with the runtime's code for
   * it (such as CERT_HAS_EXPIRED). Never called after `onOpen`.
   */
  onFail(error: Error): void;
}

/** A connection that is being made. `cancel` frees its descriptor at once; neither callback comes after it. */
export interface Connecting {
  cancel(): void;
}

/**
 * Counts the descriptors of sockets: 1 for each that is taken, -1 when it is freed. A connection that is being made has one
 * already.
 */
export interface SocketGauge {
  add(by: number): void;
}

/** For sockets that are not counted. */
export const uncounted: SocketGauge = { add() {} };

export interface Net {
  readonly runtime: 'bun' | 'node';
  /** Rejects with the system's error (EADDRINUSE, EACCES) when the address cannot be bound. */
  listen(options: ListenOptions): Promise<ListeningSocket>;
  /** The handler is called later, never from inside `connect`. `tls` null: plain. */
  connect(address: Address, handler: ConnectHandler, tls?: ClientTls | null): Connecting;
  /** Calls `run` once, when the callbacks of all sockets that are ready now have been called. */
  afterTurn(run: () => void): void;
}

/**
 * The rest of a chunk, in a form that may be kept. A view keeps its whole buffer in memory, and runtimes deliver up to 512 KB at
 * once, so a view of less than half of its buffer is copied. A larger one stays a view: then at most twice the bytes are kept, and
 * each byte is copied a few times at most, however slowly the chunk shrinks. `share` 8, for bytes that are probably gone in a
 * moment, keeps a view of an eighth or more.
 */
export function keepable<T extends Uint8Array>(rest: T, share: 2 | 8 = 2): T | Buffer {
  if (share * rest.length >= rest.buffer.byteLength) return rest;
  // Not from Node's pool: slices of one pool keep each other in memory.
  const copy = Buffer.allocUnsafeSlow(rest.length);
  copy.set(rest);
  return copy;
}

/** `127.0.0.1:80`, `[::1]:80` or `unix:/run/app.sock`. */
export function formatAddress(address: Address): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
