/**
 * The app under test, `app.ts NAME PORT`: a cart and a counter a session, kept by the session library as any app would.
 * Every answer tells all of the session that it is about. CHAOS_STORE=FROM:TO: asks for the store interface at port TO
 * where the balancer names FROM, so that the way there can be broken.
 *
 *      POST /sign-in?user=   a name under a new id        POST /rotate      a new id
 *      POST /add?op=         into the cart                POST /sign-out    the end
 *      POST /count           one up                       GET  /            changes nothing
 *      ?wait=ms              answers so much later        POST /unwell?ms=  not a session's: ill for so long
 */
import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeSessionSecret, sessionSecretFile } from '../../src/secrets/session-secret.ts';
import { type Session, sessions } from '../../src/session/index.ts';
import type { Seen } from './history.ts';

interface Data {
  user?: string;
  cart?: string[];
  count?: number;
}

const [name = 'app', port = '0'] = process.argv.slice(2);
const [from = '', to = ''] = (process.env.CHAOS_STORE ?? '').split(':');
const app = sessions({ strategy: 'sticky', idle: '10m', limits: { storeTimeout: 1500 }, onError: () => {} });
let unwellUntil = 0;

function seenIn(session: Session): Seen {
  const { user = '', cart = [], count = 0 } = session.data as Data;
  return { server: name, epoch: session.epoch, user, cart: [...cart], count };
}

async function act(path: string, query: URLSearchParams, session: Session): Promise<Seen | null> {
  const data = session.data as Data;
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
      data.cart.push(query.get('op') ?? '');
      break;
    case '/count':
      await session.update(async (data: Data) => {
        const before = data.count ?? 0;
        await sleep(2);
        data.count = before + 1;
      });
      break;
    case '/sign-out': {
      const seen = seenIn(session);
      await session.destroy();
      return seen;
    }
    default:
      return null;
  }
  return seenIn(session);
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
  const told = request.headers['limpet-session'];
  if (typeof told === 'string') request.headers['limpet-session'] = detoured(told);
  const session = await app.open(request, response);
  const seen = await act(pathname, searchParams, session);
  const wait = Number(searchParams.get('wait') ?? 0);
  if (wait > 0) await sleep(wait);
  if (seen === null) response.statusCode = 404;
  response.end(JSON.stringify(seen));
}

/** The header with the other port of the store interface, signed again: else the library would not believe it. */
function detoured(told: string): string {
  if (from === '') return told;
  const secret = makeSessionSecret(sessionSecretFile(process.env));
  const word = told.replace(/; sig=[0-9a-f]*$/, '').replace(`:${from}/`, `:${to}/`);
  return `${word}; sig=${createHmac('sha256', secret).update(word).digest('hex').slice(0, 32)}`;
}

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
