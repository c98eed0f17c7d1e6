/**
 * An app server of a fleet, `fleet-server.ts <folder>/<name> <port>`, in a process of its own. It writes each request into
 * `<folder>/<name>.log` (fleet-visits.ts), and its answers name it in `X-Server`. By the first part of the path it is one of several apps:
 *
 *      /learn/, /rewrite/   sets a cookie `app` or `page` where the client has none, and the one that it has with ?renew
 *      /socket.io/          names a session in the body of the handshake
 *      /library/            with the session library: GET reads, POST count, sign-in?user= and sign-out change
 *      ...                  only answers
 *      ?ms=                 answers so much later
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename } from 'node:path';
import { sessions } from '../../../src/session/index.ts';
import { openVisitLog } from '../fleet-visits.ts';
import { host } from '../host.ts';

const [place = 'app', port = '0'] = process.argv.slice(2);
const name = basename(place);
const log = openVisitLog(place);
const library = sessions({ strategy: 'sticky', onError: () => {} });
/** The app's own cookies, by the first part of the path. */
const cookies: Readonly<Record<string, string>> = { learn: 'app', rewrite: 'page' };

interface Data {
  user?: string;
  count?: number;
}

async function useLibrary(request: IncomingMessage, response: ServerResponse, url: URL): Promise<object> {
  const session = await library.open(request, response);
  const data = session.data as Data;
  switch (url.pathname.split('/')[2]) {
    case 'count':
      data.count = (data.count ?? 0) + 1;
      break;
    case 'sign-in':
      await session.regenerate();
      (session.data as Data).user = url.searchParams.get('user') ?? '';
      break;
    case 'sign-out':
      await session.destroy();
      return { user: '', count: 0 };
  }
  const { user = '', count = 0 } = session.data as Data;
  return { user, count, epoch: session.epoch };
}

async function answerOf(request: IncomingMessage, response: ServerResponse, url: URL): Promise<string> {
  const kind = url.pathname.split('/')[1] ?? '';
  if (kind === 'library') return JSON.stringify(await useLibrary(request, response, url));
  if (kind === 'socket.io') {
    const isHandshake = url.searchParams.get('sid') === null;
    return isHandshake
      ? `0{"sid":"${randomBytes(15).toString('base64url')}","upgrades":[],"pingInterval":25000}`
      : 'ok';
  }
  const cookie = cookies[kind];
  if (cookie !== undefined) {
    const [, value] = new RegExp(`\\b${cookie}=([^;]*)`).exec(request.headers.cookie ?? '') ?? [];
    if (value === undefined || url.searchParams.has('renew'))
      response.setHeader('set-cookie', `${cookie}=${value ?? randomBytes(16).toString('hex')}; Path=/`);
  }
  return JSON.stringify({ server: name });
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://app');
  request.resume();
  const header = (field: string) => String(request.headers[field] ?? '');
  const epoch = Number(/\bepoch=(\d+)/.exec(header('limpet-session'))?.[1] ?? 0);
  const session = header('x-session');
  if (session !== '') log({ request: Number(header('x-request')), session, epoch });
  response.setHeader('X-Server', name);
  const answer = await answerOf(request, response, url);
  const delay = Number(url.searchParams.get('ms') ?? 0);
  if (delay > 0) setTimeout(() => response.end(answer), delay);
  else response.end(answer);
}

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  serve(request, response).catch((error: unknown) => library.guard(request, response).refuse(error));
});
server.listen(Number(port), host, () => console.log(`listening ${(server.address() as AddressInfo).port}`));

// Goes with the test that started it, however that ends.
process.stdin.resume().on('end', () => process.exit());
