/** gRPC on both sides of the balancer, by @grpc/grpc-js: a server that does each kind of call, and a client of it. Messages are bytes. */
import {
  ChannelCredentials,
  Client,
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServiceError,
  type StatusObject,
} from '@grpc/grpc-js';
import { host } from './host.ts';
import type { Origin } from './origin.ts';

const same = (bytes: Buffer): Buffer => bytes;

function method(path: string, requestStream: boolean, responseStream: boolean): MethodDefinition<Buffer, Buffer> {
  const both = { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same };
  return { path, requestStream, responseStream, ...both };
}

const methods = {
  /** Answers with the name of the server, what it was sent, and the metadata `x-note`. */
  echo: method('/test.Calls/Echo', false, false),
  /** Answers with the number of bytes. */
  count: method('/test.Calls/Count', true, false),
  /** As many messages of 10,000 bytes as it was told. */
  fill: method('/test.Calls/Fill', false, true),
  /** Each message in upper case, at once. */
  shout: method('/test.Calls/Shout', true, true),
  /** FAILED_PRECONDITION, with details and metadata. */
  fail: method('/test.Calls/Fail', false, false),
  /** Is never answered. */
  wait: method('/test.Calls/Wait', false, false),
} as const;

export const messageBytes = 10_000;

export interface GrpcOrigin extends Origin {
  /** Calls of `wait` that have begun, and that the client has given up. */
  readonly waiting: () => number;
  readonly cancelled: () => number;
}

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export async function grpcOrigin(name: string, tls?: Pair): Promise<GrpcOrigin> {
  let waiting = 0;
  let cancelled = 0;
  const server = new Server();
  const echo: handleUnaryCall<Buffer, Buffer> = (call, done) => {
    const head = new Metadata();
    head.set('x-server', name);
    call.sendMetadata(head);
    const trailers = new Metadata();
    trailers.set('x-trailer', 'at the end');
    trailers.set('x-sum-bin', Buffer.from([0, 255, 10]));
    done(null, Buffer.from(`${name} ${call.request} ${call.metadata.get('x-note').join()}`), trailers);
  };
  const count: handleClientStreamingCall<Buffer, Buffer> = (call, done) => {
    let bytes = 0;
    call.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    call.on('end', () => done(null, Buffer.from(String(bytes))));
  };
  const fill: handleServerStreamingCall<Buffer, Buffer> = (call) => {
    for (let i = 0; i < Number(call.request); i++) call.write(Buffer.alloc(messageBytes, i));
    call.end();
  };
  const shout: handleBidiStreamingCall<Buffer, Buffer> = (call) => {
    call.on('data', (chunk: Buffer) => call.write(Buffer.from(chunk.toString().toUpperCase())));
    call.on('end', () => call.end());
  };
  const fail: handleUnaryCall<Buffer, Buffer> = (_, done) => {
    const metadata = new Metadata();
    metadata.set('x-why', 'order');
    done({ code: 9, details: 'not now: 100% größer', metadata });
  };
  const wait: handleUnaryCall<Buffer, Buffer> = (call) => {
    waiting++;
    call.on('cancelled', () => cancelled++);
  };
  server.addService(methods, { echo, count, fill, shout, fail, wait });
  const credentials =
    tls === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(null, [{ cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) }]);
  const port = await new Promise<number>((done, failed) =>
    server.bindAsync(`${host}:0`, credentials, (error, bound) => (error === null ? done(bound) : failed(error))),
  );
  const close = async (): Promise<void> => server.forceShutdown();
  return {
    name,
    port,
    address: `${host}:${port}`,
    waiting: () => waiting,
    cancelled: () => cancelled,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** What a call came to. */
export interface GrpcReply {
  readonly messages: readonly Buffer[];
  /** The fields at the head of the response. */
  readonly metadata: Metadata;
  readonly status: StatusObject;
}

export interface CallOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  /** Unix milliseconds. */
  readonly deadline?: number;
  /** Aborts the call. */
  readonly signal?: AbortSignal;
}

/** The part that all kinds of calls have. */
interface Call {
  cancel(): void;
  on(event: 'metadata', heard: (metadata: Metadata) => void): unknown;
  on(event: 'status', heard: (status: StatusObject) => void): unknown;
}

export class GrpcClient implements AsyncDisposable {
  private readonly client: Client;

  /** `ca`: over TLS, to a server with this name. Left out: plain. */
  constructor(port: number, secure?: { readonly ca: string; readonly name: string }) {
    const credentials =
      secure === undefined ? ChannelCredentials.createInsecure() : ChannelCredentials.createSsl(Buffer.from(secure.ca));
    const name = secure === undefined ? {} : { 'grpc.ssl_target_name_override': secure.name };
    this.client = new Client(`127.0.0.1:${port}`, credentials, name);
  }

  /** One message, and one back. */
  unary(name: 'echo' | 'fail' | 'wait', message: string, options: CallOptions = {}): Promise<GrpcReply> {
    return outcomeOf(options, (metadata, rest, done) =>
      this.client.makeUnaryRequest(methods[name].path, same, same, Buffer.from(message), metadata, rest, done),
    );
  }

  /** Many messages, and one back. */
  count(messages: readonly Buffer[], options: CallOptions = {}): Promise<GrpcReply> {
    return outcomeOf(options, (metadata, rest, done) => {
      const call = this.client.makeClientStreamRequest(methods.count.path, same, same, metadata, rest, done);
      for (const one of messages) call.write(one);
      call.end();
      return call;
    });
  }

  /** One message, and many back. */
  fill(messages: number, options: CallOptions = {}): Promise<GrpcReply> {
    const { path } = methods.fill;
    const request = Buffer.from(String(messages));
    return outcomeOf(options, (metadata, rest, done) => {
      const call = this.client.makeServerStreamRequest(path, same, same, request, metadata, rest);
      call.on('data', (message: Buffer) => done(null, message));
      // The status says it, too.
      call.on('error', () => {});
      return call;
    });
  }

  /** Both at the same time: each of these messages goes when the one before has been answered. `ends` false: then the client is quiet. */
  shout(messages: readonly string[], options: CallOptions = {}, ends = true): Promise<GrpcReply> {
    const left = [...messages];
    return outcomeOf(options, (metadata, rest, done) => {
      const call = this.client.makeBidiStreamRequest(methods.shout.path, same, same, metadata, rest);
      const next = () => {
        const message = left.shift();
        if (message !== undefined) call.write(Buffer.from(message));
        else if (ends) call.end();
      };
      call.on('data', (message: Buffer) => {
        done(null, message);
        next();
      });
      call.on('error', () => {});
      next();
      return call;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
  }
}

type Started = (
  metadata: Metadata,
  options: { deadline?: number },
  done: (error: ServiceError | null, message?: Buffer) => void,
) => Call;

function outcomeOf({ metadata: written = {}, deadline, signal }: CallOptions, start: Started): Promise<GrpcReply> {
  return new Promise((resolve) => {
    const sent = new Metadata();
    for (const [name, value] of Object.entries(written)) sent.set(name, value);
    const messages: Buffer[] = [];
    let metadata = new Metadata();
    const call = start(sent, deadline === undefined ? {} : { deadline }, (_, message) => {
      if (message !== undefined) messages.push(message);
    });
    call.on('metadata', (heard) => {
      metadata = heard;
    });
    // The callback of a unary call comes before or after the status.
    call.on('status', (status) => setImmediate(() => resolve({ messages, metadata, status })));
    signal?.addEventListener('abort', () => call.cancel());
  });
}
