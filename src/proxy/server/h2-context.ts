/**
 * What the HTTP/2 connections to the servers of one pool share: the settings of the protocol, and buffers that are in use within one call
 * only. The window of a connection is that of all its streams together: those whose clients are slow never take it from the others.
 */
import type { AbuseLimits } from '../../http/h2/abuse.ts';
import { FieldList, fieldOverhead } from '../../http/h2/hpack/field-list.ts';
import type { ProtocolSettings } from '../../http/h2/protocol-handler.ts';
import { ResponseFields } from '../../http/h2/server-fields.ts';
import { TrailerFields } from '../../http/h2/trailer-fields.ts';
import type { HeadLimits, ResponseHead } from '../../http/head.ts';
import { HeadWriter } from '../../http/writer.ts';
import type { WorkerContext } from '../worker-context.ts';
import type { PoolContext } from './pool-context.ts';
import type { RequestBatch } from './request-batch.ts';

/** As many requests go out on a connection before its server has said how many it allows: it should allow as many at least (RFC 9113 section 6.5.2). */
export const assumedStreams = 100;
/** Bytes of one response that may be on the way to this process, or wait for a slow client. */
const streamWindowBytes = 256 * 1024;
/** RFC 9113 section 6.9.1. */
const maxWindowBytes = 2 ** 31 - 1;
const maxContinuations = 64;
/** Room for a usual head. */
const headBytes = 4 * 1024;

/**
 * Servers are trusted more than clients: what costs this side little is no attack, and many requests in a minute may each have a reset.
 * Only floods end the connection.
 */
const serverAbuseLimits: AbuseLimits = {
  resets: 1_000_000,
  forcedResets: 1000,
  refusedStreams: 1_000_000,
  pings: 10_000,
  settings: 1000,
  emptyFrames: 100_000,
  windowUpdates: 1_000_000,
  priorities: 10_000,
  continuations: 10_000,
  closedStreamFrames: 1_000_000,
  goaways: 100,
};

export class H2Context {
  readonly worker: WorkerContext;
  readonly requests: RequestBatch;
  readonly settings: ProtocolSettings;
  /** Most streams at one time on one connection. */
  readonly maxStreams: number;
  /** The connections are encrypted: the scheme of requests is https. */
  readonly isSecure: boolean;
  /** The response head that is being read. */
  readonly responseHead: ResponseHead;
  /** The fields of the block that was read last. */
  readonly fields: FieldList;
  /** A request, and a response, as HTTP/1.1 has them. */
  readonly requestText = new HeadWriter(headBytes);
  readonly responseText = new HeadWriter(headBytes);
  readonly responseFields = new ResponseFields();
  readonly trailerFields = new TrailerFields();

  constructor(
    pool: PoolContext,
    limits: Pick<HeadLimits, 'headBytes' | 'headers'>,
    maxStreams: number,
    isSecure: boolean,
  ) {
    const maxHeaderListBytes = limits.headBytes + fieldOverhead * limits.headers;
    this.worker = pool.worker;
    this.requests = pool.requests;
    this.responseHead = pool.responseHead;
    this.maxStreams = maxStreams;
    this.isSecure = isSecure;
    this.fields = new FieldList(maxHeaderListBytes);
    this.settings = {
      maxConcurrentStreams: 0,
      streamWindowBytes,
      connectionWindowBytes: Math.min(maxWindowBytes, maxStreams * streamWindowBytes),
      headerTableBytes: 4096,
      maxHeaderListBytes,
      // A list that is too large fails its stream; only one that is far too large fails the connection.
      maxBlockBytes: 4 * maxHeaderListBytes,
      maxContinuations,
      connectProtocol: false,
      abuse: serverAbuseLimits,
    };
  }
}
