/**
 * The shop as an HTTP server: sign-in, a cart, a check-out, and a way to kill the process. An ordinary app with
 * `limpet/session`; only the text of a few notices knows that there is a balancer before it.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
// In an app of its own: from 'limpet/session'.
import { type Session, type SessionOptions, sessions } from '../../src/session/index.ts';
import { renderPage } from './page.ts';
import { formatPrice, productById } from './products.ts';
import { countThings, maxQuantity, Sightings, stateOf } from './sessions.ts';

export interface ShopOptions {
  /** Shown on the page and sent as X-Served-By; lower case letters, digits and hyphens. */
  readonly name: string;
  readonly pid: number;
  /** Where sessions live. */
  readonly sessions: SessionOptions;
  readonly maxSessions: number;
  /** Ends the process, after a moment for the answer to `POST /kill` to leave. */
  readonly die: () => void;
}

const maxBody = 16 * 1024;
const maxName = 40;
const cookieName = 'shop_sid';

const assets = new Map(
  [['style.css', 'text/css; charset=utf-8'] as const, ['page.js', 'text/javascript; charset=utf-8'] as const].map(
    ([file, type]) => [`/${file}`, { type, body: readFileSync(new URL(file, import.meta.url)) }],
  ),
);
const assetVersion = createHash('sha256')
  .update(Buffer.concat([...assets.values()].map((asset) => asset.body)))
  .digest('hex')
  .slice(0, 8);

const pageHeaders = {
  'Content-Type': 'text/html; charset=utf-8',
  'Cache-Control': 'no-store',
  'Content-Security-Policy':
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; " +
    "base-uri 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  // Not `no-referrer`: it would make browsers send `Origin: null` with our own forms.
  'Referrer-Policy': 'same-origin',
};

/** What a form does to its session; answers where the browser goes next. */
type Action = (session: Session, form: URLSearchParams) => string | Promise<string>;

const actions: Readonly<Record<string, Action>> = {
  '/sign-in': async (session, form) => {
    const name = cleanName(form.get('name') ?? '') || 'nameless friend';
    // An id that was known before sign-in is worth nothing after it.
    await session.regenerate();
    session.set('name', name);
    session.set('notice', { title: `Welcome, ${name}.`, text: 'Your session lives with the server named above.' });
    return '/';
  },
  '/sign-out': async (session) => {
    await session.destroy();
    return '/';
  },
  '/cart/add': (session, form) => {
    const product = productById.get(form.get('product') ?? '');
    if (product === undefined) return '/';
    const { cart } = stateOf(session);
    session.set('cart', { ...cart, [product.id]: Math.min((cart[product.id] ?? 0) + 1, maxQuantity) });
    return `/#${product.id}`;
  },
  '/cart/set': (session, form) => {
    const product = productById.get(form.get('product') ?? '');
    const quantity = /^\d{1,4}$/.test(form.get('quantity') ?? '') ? Number(form.get('quantity')) : -1;
    if (product === undefined || quantity < 0) return '/#cart';
    const { [product.id]: _before, ...others } = stateOf(session).cart;
    session.set('cart', quantity === 0 ? others : { ...others, [product.id]: Math.min(quantity, maxQuantity) });
    return '/#cart';
  },
  '/checkout': (session) => {
    const { name, cart } = stateOf(session);
    const things = countThings({ cart });
    if (things === 0) return '/#cart';
    const cents = Object.entries(cart).reduce(
      (sum, [id, quantity]) => sum + (productById.get(id)?.cents ?? 0) * quantity,
      0,
    );
    session.set('notice', {
      title: `Thank you${name === '' ? '' : `, ${name}`}!`,
      text: `${things} ${things === 1 ? 'thing' : 'things'} for ${formatPrice(cents)}, wrapped in seaweed. (Only pretending: this is a demo.)`,
    });
    session.set('cart', {});
    return '/';
  },
};

/** Not listening yet. */
export function createShop(options: ShopOptions): Server {
  const { name, pid, maxSessions } = options;
  const app = sessions({
    ...options.sessions,
    cookie: { name: cookieName },
    limits: { ...options.sessions.limits, sessions: maxSessions },
  });
  const sightings = new Sightings(maxSessions);
  const server = createServer((request, response) => {
    response.setHeader('X-Served-By', name);
    serve(request, response).catch((error: unknown) => app.guard(request, response).refuse(error));
  });
  // Longer than a balancer keeps an idle connection, so that it is never us who closes one that is being reused.
  server.keepAliveTimeout = 75_000;
  server.requestTimeout = 30_000;
  server.on('close', () => void app.close());

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    if (request.method === 'POST') await post(path, request, response);
    else if (request.method === 'GET' || request.method === 'HEAD') await get(path, request, response);
    else refuse(response, 405, 'Only GET, HEAD and POST are known here.');
  }

  async function get(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asset = assets.get(path);
    if (asset !== undefined) {
      response.writeHead(200, { 'Content-Type': asset.type, 'Cache-Control': 'public, max-age=31536000, immutable' });
      response.end(asset.body);
    } else if (path === '/') {
      showPage(request, response, await app.open(request, response));
    } else if (path === '/status') {
      const session = await app.open(request, response);
      const things = countThings(stateOf(session));
      sendJson(response, { name, pid, served: sightings.servedOf(session), things });
    } else if (path === '/healthz') {
      sendJson(response, { sessions: sightings.sessions, things: sightings.things });
    } else {
      refuse(response, 404, 'There is nothing here but sand.');
    }
  }

  function showPage(request: IncomingMessage, response: ServerResponse, session: Session): void {
    const state = stateOf(session);
    if (state.notice !== null) session.delete('notice');
    if (!session.isNew) sightings.serve(session, session.id);
    // A cookie of ours, and no session to it: of an id that we did not give out, or that has died with its process.
    const lost = session.isNew && (request.headers.cookie ?? '').includes(`${cookieName}=`);
    const { survivesCrash, reason } = session;
    const served = sightings.servedOf(session);
    const body = renderPage({ server: { name, pid }, state, served, lost, reason, survivesCrash, assetVersion });
    response.writeHead(200, pageHeaders);
    response.end(body);
  }

  async function post(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const action = Object.hasOwn(actions, path) ? actions[path] : undefined;
    if (action === undefined && path !== '/kill') return refuse(response, 404, 'There is nothing here but sand.');
    if (!sameOrigin(request)) return refuse(response, 403, 'This form came from another site.');
    const form = await readForm(request);
    if (form === 'too-large') refuse(response, 413, 'The form is larger than 16 KB.');
    else if (form === 'wrong-type') refuse(response, 415, 'Forms are application/x-www-form-urlencoded.');
    else if (action === undefined) kill(response);
    else {
      const session = await app.open(request, response);
      const { id } = session;
      const location = await action(session, form);
      sightings.serve(session, id);
      response.writeHead(303, { Location: location, 'Cache-Control': 'no-store' });
      response.end();
    }
  }

  /** Answers, then dies as by `kill -9`. It stops listening first: the browser's next request must not come here. */
  function kill(response: ServerResponse): void {
    server.close();
    response.writeHead(303, { Location: '/', 'Cache-Control': 'no-store', Connection: 'close' });
    response.end();
    options.die();
  }

  return server;
}

/** Browsers say where a form stood; with SameSite=Lax this is the second lock against forged forms. */
function sameOrigin(request: IncomingMessage): boolean {
  const { origin, host } = request.headers;
  if (origin === undefined) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}

type Form = URLSearchParams | 'too-large' | 'wrong-type';

/** Rejects when the request breaks off. */
function readForm(request: IncomingMessage): Promise<Form> {
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  const chunks: Buffer[] = [];
  let size = 0;
  return new Promise((done, fail) => {
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBody) chunks.push(chunk);
      else done('too-large');
    });
    request.on('error', fail);
    request.on('end', () => {
      if (size > 0 && type !== 'application/x-www-form-urlencoded') done('wrong-type');
      else done(new URLSearchParams(Buffer.concat(chunks).toString('utf8')));
    });
  });
}

/** One line of visible text, at most 40 characters. */
function cleanName(name: string): string {
  const line = name.replace(/[\p{C}\p{Z}]+/gu, ' ').trim();
  return [...line].slice(0, maxName).join('');
}

function sendJson(response: ServerResponse, value: object): void {
  response.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
  response.end(JSON.stringify(value));
}

function refuse(response: ServerResponse, status: number, text: string): void {
  // Nothing of what may follow on this connection was read with care: close it.
  const headers = { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store', Connection: 'close' };
  response.writeHead(status, status === 405 ? { ...headers, Allow: 'GET, HEAD, POST' } : headers);
  response.end(`${text}\n`);
}
