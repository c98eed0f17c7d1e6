/**
 * An app that speaks the session protocol by hand, `session-server.ts <name> <port>`, in a process of its own: a counter a
 * session. Its answer tells `{ server, id, epoch, reason, count, restored }`.
 *
 *      /            counts, and puts the state with the answer         /read     counts nothing, puts nothing
 *      /trailer     puts it in the trailers                            /big      puts it through the store interface
 *      /delete      ends the session                                   /rotate   goes on under another id
 *      /late        answers only when /go came, with its put           /bad      says what nobody can understand
 *      /headers     tells the request's headers                        ?pad=n    makes the state so much larger
 *      /waiting     tells how many answers wait for /go
 *      /rotate-big  goes on under another id through the store interface, and shows the proof of it unless ?proof= has another
 *      /take?id=x   claims to have gone on under that id               ?epoch=n  puts it with an epoch of its own
 */
import { createHmac, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request as makeRequest, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { host } from '../host.ts';

const [name = 'app', port = '0'] = process.argv.slice(2);
const by = randomBytes(8).toString('hex');
/** As the balancer of this user has made it, when none is given. It may be started later than we are. */
const secret = () =>
  process.env.LIMPET_SECRET ?? readFileSync(join(homedir(), '.local/state/limpet/session.secret'), 'utf8').trim();

interface Live {
  epoch: number;
  version: number;
  count: number;
}

const sessions = new Map<string, Live>();
/** Sessions that are being read: requests at the same time share one live object. */
const opening = new Map<string, Promise<{ live: Live; restored: boolean }>>();
const waiting: (() => void)[] = [];

function fieldsOf(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split(';').map((part) => {
      const equals = part.indexOf('=');
      return [part.slice(0, equals).trim(), part.slice(equals + 1).trim()];
    }),
  );
}

function ask(
  told: Record<string, string>,
  method: string,
  headers: Record<string, string> = {},
  body?: string,
): Promise<{ status: number; meaning: string; body: string; session: Record<string, string>; proof: string }> {
  const bearer = createHmac('sha256', secret()).update('limpet store interface').digest('hex');
  const authorization = { authorization: `Bearer ${bearer}` };
  const base = told.store ?? '';
  const path = `${base.replace(/^unix:[^:]*:|^http:\/\/[^/]*/, '')}/${told.pool}/${told.id}`;
  const where = base.startsWith('unix:')
    ? { socketPath: base.split(':')[1] }
    : { host: new URL(base).hostname, port: new URL(base).port };
  return new Promise((resolve, reject) => {
    const request = makeRequest({ ...where, path, method, headers: { ...headers, ...authorization } }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          meaning: String(response.headers['limpet-store'] ?? ''),
          body: text,
          session: fieldsOf(String(response.headers['limpet-session'] ?? '')),
          proof: fieldsOf(String(response.headers['limpet-session-rotate'] ?? '')).proof ?? '',
        }),
      );
    });
    request.on('error', reject);
    request.end(body);
  });
}

async function open(told: Record<string, string>): Promise<{ live: Live; restored: boolean }> {
  const id = told.id ?? '';
  const epoch = Number(told.epoch);
  const known = sessions.get(id);
  if (known !== undefined && known.epoch === epoch && known.version >= Number(told.version)) {
    return { live: known, restored: false };
  }
  const which = `${id} ${epoch}`;
  const before = opening.get(which);
  if (before !== undefined) return before;
  const restoring = restore(told, epoch).finally(() => opening.delete(which));
  opening.set(which, restoring);
  return restoring;
}

async function restore(told: Record<string, string>, epoch: number): Promise<{ live: Live; restored: boolean }> {
  const live: Live = { epoch, version: 0, count: 0 };
  let restored = false;
  if (told.reason !== 'new') {
    const { status, meaning, body, session } = await ask(told, 'GET');
    if (status === 200 && meaning === 'live') {
      restored = true;
      live.version = Number(session.version);
      live.count = (JSON.parse(body) as { count: number }).count;
    } else if (status !== 404 || meaning !== 'none' || Number(told.version) > 0) {
      throw new Error(`the session cannot be read: ${status} ${meaning}`);
    }
  }
  sessions.set(told.id ?? '', live);
  return { live, restored };
}

const putOf = (live: Live) => `epoch=${live.epoch}; version=${live.version}; ttl=1800; by=${by}`;
const dataOf = (live: Live, pad = 0) =>
  Buffer.from(JSON.stringify({ count: live.count, ...(pad > 0 && { pad: 'x'.repeat(pad) }) })).toString('base64url');

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://app');
  request.resume();
  const header = request.headers['limpet-session'];
  if (url.pathname === '/headers') {
    response.end(JSON.stringify(request.headers));
    return;
  }
  if (url.pathname === '/waiting') {
    response.end(String(waiting.length));
    return;
  }
  if (url.pathname === '/go') {
    for (const go of waiting.splice(0)) go();
    response.end(JSON.stringify({ server: name }));
    return;
  }
  if (header === undefined) {
    response.end(JSON.stringify({ server: name, count: -1 }));
    return;
  }
  const told = fieldsOf(String(header));
  const { live, restored } = await open(told);
  const changes = url.pathname !== '/read' && url.pathname !== '/delete';
  if (changes) {
    live.count++;
    live.version++;
  }
  const { id = '', epoch, reason } = told;
  const answer = JSON.stringify({ server: name, id, epoch: Number(epoch), reason, count: live.count, restored });
  if (url.pathname === '/late') await new Promise<void>((go) => waiting.push(go));
  const pad = Number(url.searchParams.get('pad') ?? 0);
  switch (url.pathname) {
    case '/read':
      break;
    case '/bad':
      response.setHeader('Limpet-Session-Put', 'epoch=1; version=what');
      break;
    case '/delete':
      response.setHeader('Limpet-Session-Delete', `epoch=${live.epoch}`);
      sessions.delete(id);
      break;
    case '/rotate': {
      const to = randomBytes(16).toString('hex');
      response.setHeader('Limpet-Session-Rotate', `epoch=${live.epoch}; id=${to}`);
      response.setHeader('Limpet-Session-Put', `${putOf(live)}; data=${dataOf(live)}`);
      sessions.delete(id);
      sessions.set(to, live);
      break;
    }
    case '/rotate-big': {
      const to = randomBytes(16).toString('hex');
      const rotate = `epoch=${live.epoch}; id=${to}`;
      const headers = { 'limpet-session-put': putOf(live), 'limpet-session-rotate': rotate };
      const { proof } = await ask(told, 'PUT', headers, JSON.stringify({ count: live.count }));
      const shown = url.searchParams.get('proof') ?? proof;
      response.setHeader('Limpet-Session-Rotate', `${rotate}; proof=${shown}`);
      sessions.delete(id);
      sessions.set(to, live);
      break;
    }
    case '/take':
      response.setHeader('Limpet-Session-Rotate', `epoch=${live.epoch}; id=${url.searchParams.get('id')}`);
      break;
    case '/big': {
      const { status } = await ask(
        told,
        'PUT',
        { 'limpet-session-put': putOf(live) },
        JSON.stringify({ count: live.count }),
      );
      response.setHeader('x-put', status);
      break;
    }
    case '/trailer':
      response.setHeader('Trailer', 'Limpet-Session-Put');
      response.write(answer);
      response.addTrailers({ 'Limpet-Session-Put': `${putOf(live)}; data=${dataOf(live)}`, 'X-Kind': 'trailer' });
      response.end();
      return;
    default:
      response.setHeader(
        'Limpet-Session-Put',
        `${putOf({ ...live, epoch: Number(url.searchParams.get('epoch') ?? live.epoch) })}; data=${dataOf(live, pad)}`,
      );
  }
  response.end(answer);
}

const server = createServer((request, response) => {
  serve(request, response).catch((error: unknown) => {
    response.statusCode = 503;
    response.end(String(error));
  });
});
server.listen(Number(port), host, () => console.log(`listening ${(server.address() as AddressInfo).port}`));

// Goes with the test that started it, however that ends.
process.stdin.resume().on('end', () => process.exit());
