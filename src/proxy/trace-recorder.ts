/** Records what becomes of one exchange whose trace is sampled: when it came, each attempt at a server, and how it ended. */
import type { Server } from '../fleet/server.ts';
import { QUESTION } from '../http/bytes.ts';
import type { RequestHead } from '../http/head.ts';
import { Name } from '../http/names.ts';
import type { TraceContext } from '../http/trace-context.ts';
import type { SessionView } from '../ownership/session.ts';
import type { Clock } from '../time/clock.ts';
import type { AttemptTrace, ExchangeTrace } from '../tracing/record.ts';
import type { AccessRecord } from './access-record.ts';
import type { Client } from './client/client.ts';
import type { Pool } from './pool.ts';

/** What is recorded of the request, beside its head. */
export interface TracedRequest {
  readonly client: Pick<Client, 'peer' | 'version' | 'firstByteAt'>;
  /** After trusted X-Forwarded-For and its kin. */
  readonly clientAddress: string;
  readonly clientSecure: boolean;
}

/** Longer texts of clients are cut: a collector would do so, too. */
const longestText = 1024;

/** `;jsessionid=...` and its like, in every segment: what stands there names the session. */
const pathParameters = /(?:;|%3b)[^/]*/gi;

export class TraceRecorder {
  private readonly clock: Pick<Clock, 'monotonic' | 'wall'>;
  private readonly begun: Omit<
    ExchangeTrace,
    | 'traceId'
    | 'flags'
    | 'endMs'
    | 'status'
    | 'fault'
    | 'requestId'
    | 'pool'
    | 'verdict'
    | 'epoch'
    | 'placement'
    | 'attempts'
  >;
  /** Added to monotonic time it gives Unix time: durations are right even when the clock is set meanwhile. */
  private readonly offset: number;
  private readonly attempts: AttemptTrace[] = [];
  /** null: no attempt runs. */
  private running: Pick<AttemptTrace, 'spanId' | 'startMs' | 'server' | 'host' | 'port' | 'secure'> | null = null;

  /** `received`: what the request has said of its trace. `isContinued`: the trace is that one. */
  constructor(
    head: RequestHead,
    { client, clientAddress, clientSecure }: TracedRequest,
    clock: Pick<Clock, 'monotonic' | 'wall'>,
    spanId: string,
    received: TraceContext,
    isContinued: boolean,
  ) {
    this.clock = clock;
    const now = clock.monotonic();
    this.offset = clock.wall() - now;
    const { bytes } = head;
    const { peer, version, firstByteAt } = client;
    const { traceId, parentId, flags, state } = received;
    this.begun = {
      spanId,
      parentId: isContinued ? parentId : '',
      state: isContinued ? state : '',
      link: isContinued || traceId === '' ? null : { traceId, spanId: parentId, flags },
      startMs: this.offset + (firstByteAt < 0 ? now : firstByteAt),
      method: bytes.toString('latin1', head.methodStart, head.methodEnd).slice(0, longestText),
      path: pathOf(head),
      secure: clientSecure,
      host: hostOf(head).slice(0, longestText),
      version: version ?? `HTTP/1.${head.minor}`,
      client: clientAddress,
      peer: peer.address,
    };
  }

  attempt(spanId: string, { name, address }: Server, secure: boolean): void {
    const [host, port] = address.kind === 'unix' ? [address.path, 0] : [address.host, address.port];
    this.running = { spanId, startMs: this.now(), server: name, host, port, secure };
  }

  /** `fault`: the code of why it failed; '': it did not. */
  endAttempt(status: number, fault: string): void {
    if (this.running === null) return;
    this.attempts.push({ ...this.running, endMs: this.now(), status, fault });
    this.running = null;
  }

  /** `pool` null: no route matched. */
  finish(
    { traceId, flags, requestId }: Pick<ExchangeTrace, 'traceId' | 'flags' | 'requestId'>,
    record: AccessRecord,
    pool: Pool | null,
    session: SessionView,
  ): ExchangeTrace {
    const fault = record.failure?.code ?? '';
    this.endAttempt(record.serverStatus, fault);
    const { affinity } = session.recognition;
    let { path } = this.begun;
    for (const one of pool?.parts.affinities ?? []) path = one.hidePath?.(path) ?? path;
    return {
      ...this.begun,
      traceId,
      flags,
      requestId,
      path: path.replace(pathParameters, '').slice(0, longestText),
      endMs: this.now(),
      status: record.status,
      fault,
      pool: pool?.settings.name ?? '',
      verdict: record.requestFlag + record.responseFlag,
      epoch: session.epoch,
      placement: affinity === null ? '' : placementOf(session),
      attempts: this.attempts,
    };
  }

  private now(): number {
    return this.offset + this.clock.monotonic();
  }
}

/** Only pools in which sessions have copies tell a session that is held from a new one by `reason` (ownership/replicator.ts). */
function placementOf({ reason, recognition, firstPlacement }: SessionView): string {
  return reason === 'new' && recognition.recognised && !firstPlacement ? 'held' : reason;
}

/** Without the query, in which clients send what is not meant for others. */
function pathOf({ bytes, pathStart, pathEnd }: RequestHead): string {
  let end = pathStart;
  while (end < pathEnd && bytes[end] !== QUESTION) end++;
  return bytes.toString('latin1', pathStart, end) || '/';
}

function hostOf({ bytes, headers, authorityStart, authorityEnd }: RequestHead): string {
  if (authorityStart < authorityEnd) return bytes.toString('latin1', authorityStart, authorityEnd);
  return headers.valueOf(Name.host) ?? '';
}
