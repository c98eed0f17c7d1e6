/** Node's own HTTP/2 server (nghttp2) as a second reader of a client's bytes: which requests it takes, and whether it ends the connection. */
import { once } from 'node:events';
import { createServer, type Http2Server } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { FrameType } from '../../src/http/h2/frame.ts';
import { frame } from '../support/h2-frames.ts';
import { framesOf, maxListBytes } from './h2-recorder.ts';

export interface Verdict {
  /** Why it has ended the connection: code and text of its GOAWAY, or else what Node says; null: it has not. */
  readonly error: string | null;
  /** Identifiers of the streams whose requests it has given to its handler. */
  readonly requests: readonly number[];
}

interface Judged {
  readonly requests: number[];
  error: string | null;
}

const mark = 'fuzz-end';
/** Stands behind the bytes: the answer tells that all of them were read. Those that end within a frame, or within a header block, swallow it. */
export const probe = frame(FrameType.ping, 0, 0, mark);

export class NodeServer {
  private readonly server: Http2Server;
  private readonly port: number;
  /** By the client's port. */
  private readonly judged = new Map<number, Judged>();

  private constructor(server: Http2Server) {
    this.server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('session', (session) => {
      const port = session.socket.remotePort ?? 0;
      session.on('error', (error) => {
        const judged = this.judged.get(port);
        if (judged !== undefined) judged.error ??= error.message;
      });
      session.on('stream', (stream) => {
        stream.on('error', () => {});
        stream.resume();
        if (stream.id !== undefined) this.judged.get(port)?.requests.push(stream.id);
      });
    });
    server.on('error', () => {});
  }

  static async start(): Promise<NodeServer> {
    const server = createServer({
      settings: { maxConcurrentStreams: 100, maxHeaderListSize: maxListBytes, enableConnectProtocol: true },
      maxSessionInvalidFrames: 1_000_000,
      maxSessionRejectedStreams: 1_000_000,
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new NodeServer(server);
  }

  /** `bytes` end with `probe`. */
  async judge(bytes: Buffer): Promise<Verdict> {
    const socket = connect(this.port, '127.0.0.1');
    await once(socket, 'connect');
    const port = socket.localPort ?? 0;
    const judged: Judged = { requests: [], error: null };
    this.judged.set(port, judged);
    const chunks: Buffer[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    socket.on('error', () => resolve());
    socket.on('close', () => resolve());
    socket.on('data', (chunk) => {
      chunks.push(Buffer.from(chunk));
      if (Buffer.concat(chunks).includes(mark)) resolve();
    });
    socket.end(bytes);
    await promise;
    // Its handlers are called in a later turn than its frames are answered.
    await new Promise(setImmediate);
    socket.destroy();
    this.judged.delete(port);
    const sent = framesOf(Buffer.concat(chunks));
    const goaway = sent.find(({ type, payload }) => type === FrameType.goaway && payload.readUInt32BE(4) !== 0);
    const said =
      goaway === undefined ? null : `${goaway.payload.readUInt32BE(4)} ${goaway.payload.toString('latin1', 8)}`;
    return { error: said ?? judged.error, requests: judged.requests };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.close();
    await once(this.server, 'close');
  }
}
