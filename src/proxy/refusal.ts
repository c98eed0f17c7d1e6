/**
 * What is told of a request of which no exchange can be made: its head was refused, did not come in time, or was not read at all.
 * One line of the access log, with what is known; there are no servers, times of servers, or sessions in it.
 */
import type { Fault } from '../errors.ts';
import { clientAddress } from '../http/forwarded.ts';
import type { RequestHead } from '../http/head.ts';
import { Name } from '../http/names.ts';
import type { ExchangeRecord } from '../metrics/access-log.ts';
import { counter } from '../metrics/counters.ts';
import type { Client } from './client/client.ts';
import type { WorkerContext } from './worker-context.ts';

/** One for all: the log keeps nothing of it. A flood of refusals makes no garbage of its own. */
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
  queueMs: -1,
  connectMs: -1,
  responseMs: -1,
  totalMs: 0,
  fault: '',
  requestFlag: 'U',
  responseFlag: 'N',
};

/**
 * It is over: `status` is what the client was told, 0 when it was told nothing. `head`: as far as it was read, of this request and no
 * other one; null when nothing was.
 */
export function logRefusal(
  worker: WorkerContext,
  client: Client,
  fault: Fault,
  status: number,
  head: RequestHead | null,
  isWhole: boolean,
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
  // Only a head that was read to its end says who stands behind a proxy.
  const isBehindProxy = isWhole && head !== null && client.peer.isTrusted;
  record.client = isBehindProxy
    ? clientAddress(head, client.peer.address, client.peer.isTrustedAddress)
    : client.peer.address;
  tellHead(head);
  worker.accessLog.record(record);
}

/** What came whole: a part of a target could pass for another one. */
function tellHead(head: RequestHead | null): void {
  record.method = record.target = record.version = record.host = '';
  if (head === null) return;
  const { bytes, headers } = head;
  if (head.methodEnd > 0) record.method = bytes.toString('latin1', head.methodStart, head.methodEnd);
  if (head.targetEnd === 0) return;
  record.target = bytes.toString('latin1', head.targetStart, head.targetEnd);
  record.version = versionAt(bytes, head.targetEnd + 1);
  if (head.lineEnd > 0 && headers.has(Name.host) && !headers.hasSeveral(Name.host))
    record.host = headers.valueOf(Name.host) ?? '';
}

/** Also one that we do not speak: that is why it was refused. */
function versionAt(bytes: Buffer, start: number): string {
  const text = bytes.toString('latin1', start, start + 8);
  return /^HTTP\/\d\.\d$/.test(text) ? text : '';
}
