/**
 * The access log's line for a request that never became an exchange: its head was refused, did not come in time, or was not read at
 * all. It holds what is known; there is no server and no session in it.
 */
import type { Fault } from '../errors.ts';
import { clientAddress } from '../http/forwarded.ts';
import type { RequestHead } from '../http/head.ts';
import { Name } from '../http/names.ts';
import type { ExchangeRecord } from '../metrics/access-log.ts';
import { counter } from '../metrics/counters.ts';
import type { Client } from './client/client.ts';
import type { WorkerContext } from './worker-context.ts';

/** One object for all of them, because the log copies what it needs: a flood of refused requests allocates nothing here. */
const record: ExchangeRecord = {
  time: 0,
  client: '',
  listener: '',
  method: '',
  target: '',
  host: '',
  version: '',
  status: 0,
  bytesIn: 0,
  bytesOut: 0,
  pool: '',
  server: '',
  session: '',
  epoch: 0,
  retries: 0,
  referer: '',
  userAgent: '',
  requestId: '',
  traceId: '',
  queueMs: -1,
  connectMs: -1,
  responseMs: -1,
  totalMs: 0,
  fault: '',
  requestFlag: 'U',
  responseFlag: 'N',
};

/**
 * Counts and logs it. `status`: what the client was sent; 0: nothing. `head`: as far as it was parsed, of this request and no other;
 * null: not at all. `isComplete`: it was parsed to its end.
 */
export function logRefusal(
  worker: WorkerContext,
  client: Client,
  fault: Fault,
  status: number,
  head: RequestHead | null,
  isComplete: boolean,
): void {
  worker.counters.add(counter.bytes_in, client.bytesIn);
  worker.counters.add(counter.bytes_out, client.bytesOut);
  if (worker.accessLog === null) return;
  const now = worker.clock.monotonic();
  record.totalMs = client.firstByteAt < 0 ? 0 : now - client.firstByteAt;
  record.responseMs = status === 0 ? -1 : record.totalMs;
  record.time = worker.clock.wall() - record.totalMs;
  record.listener = client.peer.listener;
  record.status = status;
  record.bytesIn = client.bytesIn;
  record.bytesOut = client.bytesOut;
  record.fault = fault.code;
  // Only a whole head says who the client behind a proxy is.
  const isBehindProxy = isComplete && head !== null && client.peer.isTrusted;
  record.client = isBehindProxy
    ? clientAddress(head, client.peer.address, client.peer.isTrustedAddress)
    : client.peer.address;
  recordHead(head, client.version);
  worker.accessLog.record(record);
}

/** Only fields that came whole: a part of a target could pass for another target. */
function recordHead(head: RequestHead | null, version: string | null): void {
  record.method = record.target = record.host = '';
  record.version = version ?? '';
  if (head === null) return;
  const { bytes, headers } = head;
  if (head.methodEnd > 0) record.method = bytes.toString('latin1', head.methodStart, head.methodEnd);
  if (head.targetEnd === 0) return;
  record.target = bytes.toString('latin1', head.targetStart, head.targetEnd);
  record.version = version ?? versionAt(bytes, head.targetEnd + 1);
  if (head.lineEnd > 0 && headers.has(Name.host) && !headers.hasSeveral(Name.host))
    record.host = headers.valueOf(Name.host) ?? '';
}

/** Also of versions that are not spoken here, because that is why the request was refused. */
function versionAt(bytes: Buffer, start: number): string {
  const text = bytes.toString('latin1', start, start + 8);
  return /^HTTP\/\d\.\d$/.test(text) ? text : '';
}
