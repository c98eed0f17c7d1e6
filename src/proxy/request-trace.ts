/**
 * By what a request is known in the logs and traces of everyone whom it passes: its request id, and the trace to which it belongs. What of
 * it the client has said counts only as the config has it (I8); the lines for the server are the same for each attempt but for the span.
 * When nothing of it is configured `isOn` is false, and nothing else here is called. Reused.
 *
 *      begin ─> attempt ─> (fail ─> attempt) ... ─> finish, when the trace is sampled ─> end
 */
import type { Fault } from '../errors.ts';
import type { Server } from '../fleet/server.ts';
import { equalsIgnoreCase } from '../http/bytes.ts';
import type { RequestHead } from '../http/head.ts';
import type { Headers } from '../http/headers.ts';
import { readRequestId } from '../http/request-id.ts';
import type { Splice } from '../http/splice.ts';
import { formatTraceparent, sampledFlag, TraceContext } from '../http/trace-context.ts';
import { counter } from '../metrics/counters.ts';
import type { SessionView } from '../ownership/session.ts';
import { isSampled } from '../tracing/ids.ts';
import type { AccessRecord } from './access-record.ts';
import type { RequestReference } from './client/client.ts';
import type { Pool } from './pool.ts';
import { isAccepted, type RequestTracing } from './request-tracing.ts';
import { type TracedRequest, TraceRecorder } from './trace-recorder.ts';
import type { WorkerContext } from './worker-context.ts';

/** Used within one call only. */
const received = new TraceContext();

export class RequestTrace implements RequestReference {
  isOn = false;
  /** '': there is none. */
  requestId = '';
  /** 32 hex digits; '': there is none. */
  traceId = '';
  /** For the client, with its CR LF; '': none. */
  responseLine = '';
  /** The id in it. */
  shownId = '';
  /** null: the trace is not sampled, or nobody wants it. */
  recorder: TraceRecorder | null = null;
  private tracing: RequestTracing | null = null;
  private idLine = '';
  private stateLine = '';
  private flags = 0;
  /** Span of the present attempt: the parent of what the server does. */
  private attemptId = '';

  begin(tracing: RequestTracing, head: RequestHead, request: TracedRequest, worker: WorkerContext): void {
    const { requestId, context } = tracing;
    const { isTrusted } = request.client.peer;
    this.isOn = true;
    this.tracing = tracing;
    if (requestId !== null) this.beginId(requestId, tracing, head.headers, isTrusted, worker);
    if (context !== null) this.beginTrace(context, tracing, head, request, worker);
  }

  private beginId(
    { accept, header, lower, respond }: NonNullable<RequestTracing['requestId']>,
    { ids }: RequestTracing,
    headers: Headers,
    isTrusted: boolean,
    { counters }: WorkerContext,
  ): void {
    const came = isAccepted(accept, isTrusted) ? readRequestId(headers, lower) : '';
    if (came === null) counters.add(counter.request_ids_refused);
    this.requestId = came || ids.long();
    this.idLine = `${header}: ${this.requestId}\r\n`;
    if (!respond) return;
    this.shownId = this.requestId;
    this.responseLine = this.idLine;
  }

  private beginTrace(
    { accept, sample }: NonNullable<RequestTracing['context']>,
    { ids, sink }: RequestTracing,
    head: RequestHead,
    request: TracedRequest,
    worker: WorkerContext,
  ): void {
    const result = received.read(head.headers);
    const isContinued = result === 'valid' && isAccepted(accept, request.client.peer.isTrusted);
    if (result === 'invalid') worker.counters.add(counter.traceparents_refused);
    if (isContinued) {
      this.traceId = received.traceId;
      this.flags = received.flags;
      if (received.state !== '') this.stateLine = `tracestate: ${received.state}\r\n`;
    } else {
      this.traceId = ids.long();
      this.flags = isSampled(this.traceId, sample) ? sampledFlag : 0;
    }
    if ((this.flags & sampledFlag) === 0 || sink === null) return;
    this.recorder = new TraceRecorder(head, request, worker.clock, ids.short(), received, isContinued);
  }

  /** The request goes to this server, the first or the next one. `secure`: over TLS. */
  attempt(server: Server, secure: boolean): void {
    if (this.tracing === null || this.traceId === '') return;
    this.attemptId = this.tracing.ids.short();
    this.recorder?.attempt(this.attemptId, server, secure);
  }

  /** The attempt has failed: another one may follow. `status`: what the server had answered; 0: nothing. */
  fail(fault: Fault, status: number): void {
    this.recorder?.endAttempt(status, fault.code);
  }

  /** The response of a server has come: the client gets our line in place of the server's. */
  respond(headers: Headers, edit: Splice): void {
    const lower = this.tracing?.requestId?.lower;
    if (lower === undefined || this.responseLine === '') return;
    for (let i = 0; i < headers.count; i++) {
      const isOurs = equalsIgnoreCase(headers.bytes, headers.lineStart(i), headers.nameEnd(i), lower);
      if (isOurs && !headers.isDropped(i)) edit.cutLine(headers, i);
    }
    edit.addLine(this.responseLine);
  }

  /** The lines for the server of the present attempt. */
  get lines(): string {
    if (this.traceId === '') return this.idLine;
    return `${this.idLine}traceparent: ${formatTraceparent(this.traceId, this.attemptId, this.flags)}\r\n${this.stateLine}`;
  }

  /** The exchange is over, and `record` complete: what was recorded goes to be exported. */
  finish(record: AccessRecord, pool: Pool | null, session: SessionView): void {
    const { recorder, tracing, traceId, flags, requestId } = this;
    if (recorder === null) return;
    tracing?.sink?.add(recorder.finish({ traceId, flags, requestId }, record, pool, session));
  }

  /** Nothing of the request is kept. */
  end(): void {
    this.isOn = false;
    this.requestId = this.traceId = this.responseLine = this.shownId = '';
    this.idLine = this.stateLine = this.attemptId = '';
    this.flags = 0;
    this.recorder = this.tracing = null;
  }
}
