/** Asks one DNS server one question: over UDP, and over TCP when the answer does not fit (RFC 1035 section 4.2, RFC 7766). */
import { createSocket } from 'node:dgram';
import { isIP, isIPv6 } from 'node:net';
import packet from 'dns-packet';
import { plainAddress } from '../ip.ts';
import { type ConnectHandler, formatAddress, type Net, type Socket, type SocketHandler } from '../net/socket.ts';
import type { Timers } from '../time/clock.ts';

/** Where a DNS server is. */
export interface DnsServer {
  readonly kind: 'tcp';
  readonly host: string;
  readonly port: number;
}

/** none: the name does not exist, or has no address of that kind. failed: it could not be found out now. `ttl` in seconds. */
export type Reply =
  | { readonly state: 'found'; readonly addresses: readonly string[]; readonly ttl: number }
  | { readonly state: 'none' }
  | { readonly state: 'failed'; readonly reason: string };

export interface QueryDependencies {
  readonly net: Net;
  readonly timers: Timers;
  /** 16 random bits that cannot be guessed: a program that does not see the query cannot forge a reply. */
  readonly randomId: () => number;
}

export interface Question {
  /** The full name in lower case, without a dot at its end. */
  readonly name: string;
  readonly type: 'A' | 'AAAA';
}

/** `timeout` in ms, for UDP and for TCP each. Never rejects. */
export async function queryServer(
  server: DnsServer,
  question: Question,
  timeout: number,
  deps: QueryDependencies,
): Promise<Reply> {
  const id = deps.randomId();
  const bytes = packet.encode({ type: 'query', id, flags: packet.RECURSION_DESIRED, questions: [question] });
  const read = (answer: Buffer) => readReply(answer, id, question);
  try {
    const { result, cancel } = withTimeout<Reply | 'truncated'>(deps.timers, timeout);
    const reply = await overUdp(server, bytes, read, result).finally(cancel);
    if (reply !== 'truncated') return reply;
    const again = withTimeout<Reply | 'truncated'>(deps.timers, timeout);
    const whole = await overTcp(deps.net, server, bytes, read, again.result).finally(again.cancel);
    return whole === 'truncated' ? { state: 'failed', reason: `${formatAddress(server)} cut its answer` } : whole;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { state: 'failed', reason: `${formatAddress(server)}: ${why}` };
  }
}

type Deferred<T> = ReturnType<typeof Promise.withResolvers<T>>;

function withTimeout<T>(
  timers: Timers,
  timeout: number,
): { readonly result: Deferred<T>; readonly cancel: () => void } {
  const result = Promise.withResolvers<T>();
  const cancel = timers.after(timeout, () => result.reject(new Error(`no answer within ${timeout} ms`)));
  return { result, cancel };
}

/** null: the bytes are not a reply to this query. */
type Read = (bytes: Buffer) => Reply | 'truncated' | null;

function overUdp(server: DnsServer, question: Buffer, read: Read, result: Deferred<Reply | 'truncated'>) {
  const socket = createSocket(isIPv6(server.host) ? 'udp6' : 'udp4');
  socket.on('error', result.reject);
  socket.on('message', (bytes) => {
    const reply = read(bytes);
    // Packets of other programs do not end the wait.
    if (reply !== null) result.resolve(reply);
  });
  // A connected socket: the kernel accepts packets from that server only, and reports when nothing listens there.
  socket.connect(server.port, server.host, () => socket.send(question));
  return result.promise.finally(() => socket.close());
}

function overTcp(net: Net, server: DnsServer, question: Buffer, read: Read, result: Deferred<Reply | 'truncated'>) {
  let open: Socket | null = null;
  let kept = Buffer.alloc(0);
  const handler: SocketHandler & ConnectHandler = {
    onOpen(socket) {
      open = socket;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(question.length);
      socket.write(Buffer.concat([length, question]));
      return handler;
    },
    onFail: result.reject,
    onData(chunk) {
      kept = Buffer.concat([kept, chunk]);
      if (kept.length < 2 || kept.length < 2 + kept.readUInt16BE(0)) return;
      const reply = read(kept.subarray(2, 2 + kept.readUInt16BE(0)));
      if (reply === null) result.reject(new Error('an answer to another question'));
      else result.resolve(reply);
    },
    onDrain() {},
    onEnd: () => result.reject(new Error('the connection ended before its answer')),
    onClose: (error) => result.reject(error ?? new Error('the connection closed before its answer')),
  };
  const connecting = net.connect(server, handler);
  return result.promise.finally(() => (open === null ? connecting.cancel() : open.destroy()));
}

function readReply(bytes: Buffer, id: number, { name, type }: Question): Reply | 'truncated' | null {
  let answer: ReturnType<typeof packet.decode>;
  try {
    answer = packet.decode(bytes);
  } catch {
    return null;
  }
  const [asked] = answer.questions ?? [];
  if (answer.type !== 'response' || answer.id !== id || asked?.type !== type || lower(asked.name) !== name) return null;
  if ('flag_tc' in answer && answer.flag_tc) return 'truncated';
  const code = 'rcode' in answer ? String(answer.rcode) : '';
  if (code === 'NXDOMAIN') return { state: 'none' };
  if (code !== 'NOERROR') return { state: 'failed', reason: `the DNS server says ${code}` };
  const names = new Set([name]);
  const addresses: string[] = [];
  let ttl = Number.POSITIVE_INFINITY;
  for (const record of answer.answers ?? []) {
    if (!names.has(lower(record.name))) continue;
    if (record.type === 'CNAME') names.add(lower(record.data));
    else if (record.type !== type) continue;
    // The record was cut off.
    else if (isIP(record.data) === 0) return null;
    else addresses.push(plainAddress(record.data));
    ttl = Math.min(ttl, record.ttl ?? 0);
  }
  return addresses.length === 0 ? { state: 'none' } : { state: 'found', addresses, ttl };
}

function lower(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}
