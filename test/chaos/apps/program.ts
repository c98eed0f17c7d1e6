/**
 * What the apps under test share as programs, `APP.ts NAME PORT`: a cart and a counter a session. Every answer tells all of the
 * session that it is about. CHAOS_STORE=FROM:TO,...: connects to port TO where a balancer names FROM as its store interface, so
 * that the way there can be broken (servers on Node only).
 *
 *      POST /sign-in?user=   a name under a new id        POST /rotate      a new id
 *      POST /add?op=         into the cart                POST /sign-out    the end
 *      POST /count           one up                       GET  /            changes nothing
 *      POST /fill?size=      a state of that many bytes   POST /throw?op=   into the cart, and then it throws
 *      ?wait=ms              answers so much later        POST /unwell?ms=  not a session's: ill for so long
 */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { type AddressInfo, Socket } from 'node:net';
import { SessionError } from '../../../src/session/error.ts';
import type { Session, SessionOptions } from '../../../src/session/index.ts';
import type { SessionHeader } from '../../../src/session/sticky/protocol.ts';
import { type SessionAddress, StoreClient } from '../../../src/session/sticky/store-client.ts';
import { readInjectedFault } from '../../../src/store/injected-fault.ts';
import type { Seen } from '../history.ts';

const [name = 'app', port = '0'] = process.argv.slice(2);
let unwellUntil = 0;

export const options: SessionOptions = {
  strategy: 'sticky',
  idle: '10m',
  limits: { storeTimeout: 1500, bytes: 64 * 1024 },
  onError: () => {},
};

/** What an app keeps in its session. */
export interface State {
  readonly user: string;
  readonly cart: readonly string[];
  readonly count: number;
  readonly filling: string;
}

/** `echo`: the operation that is answered. */
export function seenIn({ epoch, reason }: Session, { user, cart, count, filling }: State, echo: string): Seen {
  return { server: name, epoch, reason, user, cart: [...cart], count, size: filling.length, echo };
}

/** True: the request was no session's, and is answered. */
export function isAnswered({ url = '/' }: IncomingMessage, response: ServerResponse): boolean {
  const { pathname, searchParams } = new URL(url, 'http://app');
  if (pathname === '/healthz') response.statusCode = performance.now() < unwellUntil ? 503 : 200;
  else if (pathname === '/unwell') unwellUntil = performance.now() + Number(searchParams.get('ms'));
  else return false;
  response.end();
  return true;
}

export function listen(listener: RequestListener): void {
  const pairs = (process.env.CHAOS_STORE ?? '').split(',').map((pair) => pair.split(':').map(Number));
  detour(new Map(pairs.flatMap(([from = 0, to = 0]) => (from > 0 ? [[from, to]] : []))));
  const injectedFault = readInjectedFault(process.env);
  if (injectedFault === 'unknown-server-404') beginEmpty();
  if (injectedFault === 'forgotten-signout') endOnce();

  const server = createServer(listener);
  server.keepAliveTimeout = 60_000;
  server.listen(Number(port), '127.0.0.1', () => console.log(`listening ${(server.address() as AddressInfo).port}`));
  process.on('SIGTERM', () => {
    server.close(() => process.exit());
    server.closeIdleConnections();
  });
  // Goes with the run that started it, however that ends.
  process.stdin.resume().on('end', () => process.exit());
}

/** Not by the header that names the store: that one may be signed. */
function detour(ports: ReadonlyMap<number, number>): void {
  if (ports.size === 0) return;
  const { connect } = Socket.prototype;
  Socket.prototype.connect = function (this: Socket, ...args: unknown[]) {
    // What net.connect and an Agent hand on: the options, alone or with a callback in one list. The Agent keeps its own.
    const changed = args.flat().map((one) => {
      if (typeof one !== 'object' || one === null || !('port' in one)) return one;
      const to = ports.get(Number(one.port));
      return to === undefined ? one : { ...one, port: to };
    });
    return Reflect.apply(connect, this, changed);
  };
}

/** As it once was: a session of which nothing is kept begins empty, whatever version the balancer has told of. */
function beginEmpty(): void {
  const { read } = StoreClient.prototype;
  StoreClient.prototype.read = async function (place: SessionAddress & Partial<SessionHeader>) {
    const found = await Reflect.apply(read, this, [place]);
    const { epoch, version } = place;
    if (found.state !== 'none' || epoch === undefined || version === undefined || version < 1) return found;
    return { state: 'live', text: '{}', epoch, version, ttlMs: 60_000 };
  };
}

/** As it once was: an end is told once, with its response or when that is over, and never again. */
function endOnce(): void {
  const { end } = StoreClient.prototype;
  const told = new Set<string>();
  StoreClient.prototype.end = async function (place: SessionAddress, epoch: number) {
    // What asks with all of a request's word is a later request, which tells the end of an earlier one once more.
    const isRepeated = 'reason' in place || told.has(place.id);
    told.add(place.id);
    if (isRepeated) throw new SessionError('session-fenced', 'an end is not told again');
    await Reflect.apply(end, this, [place, epoch]);
  };
}
