/**
 * The app under test, `app.ts NAME PORT`: a cart and a counter a session, kept by the session library as any app would.
 * Every answer tells all of the session that it is about. CHAOS_STORE=FROM:TO: connects to port TO where the balancer names
 * FROM as its store interface, so that the way there can be broken.
 *
 *      POST /sign-in?user=   a name under a new id        POST /rotate      a new id
 *      POST /add?op=         into the cart                POST /sign-out    the end
 *      POST /count           one up                       GET  /            changes nothing
 *      POST /fill?size=      a state of that many bytes   POST /throw?op=   into the cart, and then it throws
 *      ?wait=ms              answers so much later        POST /unwell?ms=  not a session's: ill for so long
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { SessionError } from '../../src/session/error.ts';
import { type Session, sessions } from '../../src/session/index.ts';
import type { Word } from '../../src/session/protocol.ts';
import { type Place, StoreClient } from '../../src/session/store-client.ts';
import { readSabotage } from '../../src/store/sabotage.ts';
import type { Seen } from './history.ts';

interface Data {
  user?: string;
  cart?: string[];
  count?: number;
  filling?: string;
}

const [name = 'app', port = '0'] = process.argv.slice(2);
const limits = { storeTimeout: 1500, bytes: 64 * 1024 };
const app = sessions({ strategy: 'sticky', idle: '10m', limits, onError: () => {} });
let unwellUntil = 0;

function seenIn(session: Session, echo: string): Seen {
  const { user = '', cart = [], count = 0, filling = '' } = session.data as Data;
  const { epoch, reason } = session;
  return { server: name, epoch, reason, user, cart: [...cart], count, size: filling.length, echo };
}

async function act(path: string, query: URLSearchParams, session: Session): Promise<Seen | null> {
  const data = session.data as Data;
  const op = query.get('op') ?? '';
  switch (path) {
    case '/':
      break;
    case '/sign-in':
      data.user = query.get('user') ?? '';
      await session.regenerate();
      break;
    case '/rotate':
      await session.regenerate();
      break;
    case '/add':
      data.cart ??= [];
      data.cart.push(op);
      break;
    case '/throw':
      data.cart ??= [];
      data.cart.push(op);
      throw new Error('as it was asked');
    case '/fill':
    case '/overfill':
      data.filling = 'x'.repeat(Number(query.get('size')));
      break;
    case '/count':
      await session.update(async (data: Data) => {
        const before = data.count ?? 0;
        await sleep(2);
        data.count = before + 1;
      });
      break;
    case '/sign-out': {
      const seen = seenIn(session, op);
      await session.destroy();
      return seen;
    }
    default:
      return null;
  }
  return seenIn(session, op);
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://app');
  request.resume();
  if (pathname === '/healthz') {
    response.statusCode = performance.now() < unwellUntil ? 503 : 200;
    response.end();
    return;
  }
  if (pathname === '/unwell') {
    unwellUntil = performance.now() + Number(searchParams.get('ms'));
    response.end();
    return;
  }
  const session = await app.open(request, response);
  const seen = await act(pathname, searchParams, session);
  const wait = Number(searchParams.get('wait') ?? 0);
  if (wait > 0) await sleep(wait);
  if (seen === null) response.statusCode = 404;
  response.end(JSON.stringify(seen));
}

/** Not by the header that names the store: that one may be signed. */
function detour(from: number, to: number): void {
  const { connect } = Socket.prototype;
  Socket.prototype.connect = function (this: Socket, ...args: unknown[]) {
    // What net.connect and an Agent hand on: the options, alone or with a callback in one list. The Agent keeps its own.
    const changed = args.flat().map((one) => {
      const isIt = typeof one === 'object' && one !== null && 'port' in one && Number(one.port) === from;
      return isIt ? { ...one, port: to } : one;
    });
    return Reflect.apply(connect, this, changed);
  };
}

const [from = 0, to = 0] = (process.env.CHAOS_STORE ?? '').split(':').map(Number);
if (from > 0) detour(from, to);

/** As it once was: a session of which nothing is kept begins empty, whatever version the balancer has told of. */
function beginEmpty(): void {
  const { read } = StoreClient.prototype;
  StoreClient.prototype.read = async function (place: Place & Partial<Word>) {
    const found = await Reflect.apply(read, this, [place]);
    const { epoch, version } = place;
    if (found.state !== 'none' || epoch === undefined || version === undefined || version < 1) return found;
    return { state: 'live', text: '{}', epoch, version, ttl: 60_000 };
  };
}

/** As it once was: an end is told once, with its response or when that is over, and never again. */
function endOnce(): void {
  const { end } = StoreClient.prototype;
  const told = new Set<string>();
  StoreClient.prototype.end = async function (place: Place, epoch: number) {
    // What asks with all of a request's word is a later request, which tells the end of an earlier one once more.
    const isRepeated = 'reason' in place || told.has(place.id);
    told.add(place.id);
    if (isRepeated) throw new SessionError('session-fenced', 'an end is not told again');
    await Reflect.apply(end, this, [place, epoch]);
  };
}

const sabotage = readSabotage(process.env);
if (sabotage === 'unknown-server-404') beginEmpty();
if (sabotage === 'forgotten-signout') endOnce();

const server = createServer((request, response) => {
  serve(request, response).catch((error: unknown) => app.guard(request, response).refuse(error));
});
server.keepAliveTimeout = 60_000;
server.listen(Number(port), '127.0.0.1', () => console.log(`listening ${(server.address() as AddressInfo).port}`));
process.on('SIGTERM', () => {
  server.close(() => process.exit());
  server.closeIdleConnections();
});

// Goes with the run that started it, however that ends.
process.stdin.resume().on('end', () => process.exit());
