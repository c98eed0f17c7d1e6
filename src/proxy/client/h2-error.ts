/** Writes an error response of our own to a stream of HTTP/2: an error page, or what a gRPC client reads. */
import type { Fault } from '../../errors.ts';
import { frameHeaderBytes } from '../../http/h2/frame.ts';
import type { Stream } from '../../http/h2/streams.ts';
import { errorBody, errorLines } from './error-page.ts';
import { grpcErrorLines } from './grpc-error.ts';
import type { FrameOutput } from './h2-frame-output.ts';
import type { StreamOutput } from './h2-stream-output.ts';

export interface ErrorRequest {
  /** It has no response yet. */
  readonly stream: Stream;
  readonly sink: FrameOutput;
  readonly output: StreamOutput;
  /** Of the Date header. */
  readonly date: string;
  /** More header lines. */
  readonly added: string;
  /** Shown in the body; '': none. */
  readonly requestId: string;
  readonly accept: string | null;
  readonly isHead: boolean;
  readonly isGrpc: boolean;
}

/** Returns the bytes of its frames. */
export function writeError(fault: Fault, request: ErrorRequest): number {
  const { stream, sink, output, date, added } = request;
  if (request.isGrpc) {
    // END_STREAM has to be on the fields: some clients of gRPC take an empty DATA frame behind them for missing trailers.
    const bytes = sink.writeOwnHead(stream, 200, grpcErrorLines(fault, date) + added, true);
    output.onHead(true);
    return bytes;
  }
  const error = errorBody(fault, request.accept, request.requestId);
  const { body } = error;
  const bytes = sink.writeOwnHead(stream, fault.status, errorLines(fault, error, date) + added, false);
  output.onHead(false);
  if (request.isHead) {
    output.end(null);
    return bytes;
  }
  output.send(body, 0, body.length, true);
  return bytes + body.length + frameHeaderBytes;
}
