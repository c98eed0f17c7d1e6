/**
 * The shop as an HTTP server: sign-in, a cart, a check-out, and a way to kill the process. An ordinary app
 * that knows nothing of the balancer before it.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { renderPage } from './page.ts';
import { formatPrice, productById } from './products.ts';
import { countThings, maxQuantity, type Session, Sessions } from './sessions.ts';

export interface ShopOptions {
  /** Shown on the page and sent as X-Served-By; lower case letters, digits and hyphens. */
  readonly name: string;
  readonly pid: number;
  readonly maxSessions: number;
  /** 128 random bits, base64url. */
  readonly newId: () => string;
  /** Ends the process, after a moment for the answer to `POST /kill` to leave. */
  readonly die: () => void;
}

const maxBody = 16 * 1024;
const maxName = 40;
const idForm = /^[A-Za-z0-9_-]{22}$/;

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
type Action = (session: Session, form: URLSearchParams, sessions: Sessions) => string;

const actions: Readonly<Record<string, Action>> = {
  '/sign-in': (session, form, sessions) => {
    session.name = cleanName(form.get('name') ?? '') || 'nameless friend';
    session.notice = { title: `Welcome, ${session.name}.`, text: 'Your cart is kept by the server named above.' };
    sessions.rotate(session);
    return '/';
  },
  '/sign-out': (session, _form, sessions) => {
    sessions.delete(session);
    return '/';
  },
  '/cart/add': (session, form) => {
    const product = productById.get(form.get('product') ?? '');
    if (product === undefined) return '/';
    session.cart.set(product.id, Math.min((session.cart.get(product.id) ?? 0) + 1, maxQuantity));
    return `/#${product.id}`;
  },
  '/cart/set': (session, form) => {
    const product = productById.get(form.get('product') ?? '');
    const quantity = /^\d{1,4}$/.test(form.get('quantity') ?? '') ? Number(form.get('quantity')) : -1;
    if (product === undefined || quantity < 0) return '/#cart';
    if (quantity === 0) session.cart.delete(product.id);
    else session.cart.set(product.id, Math.min(quantity, maxQuantity));
    return '/#cart';
  },
  '/checkout': (session) => {
    if (session.cart.size === 0) return '/#cart';
    const cents = [...session.cart].reduce(
      (sum, [id, quantity]) => sum + (productById.get(id)?.cents ?? 0) * quantity,
      0,
    );
    const things = countThings(session);
    session.notice = {
      title: `Thank you${session.name === '' ? '' : `, ${session.name}`}!`,
      text: `${things} ${things === 1 ? 'thing' : 'things'} for ${formatPrice(cents)}, wrapped in seaweed. (Only pretending: this is a demo.)`,
    };
    session.cart.clear();
    return '/';
  },
};

/** Not listening yet. */
export function createShop(options: ShopOptions): Server {
  const sessions = new Sessions(options.maxSessions, options.newId);
  const server = createServer((request, response) => {
    response.setHeader('X-Served-By', options.name);
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    if (request.method === 'POST') post(path, request, response);
    else if (request.method === 'GET' || request.method === 'HEAD') get(path, request, response);
    else refuse(response, 405, 'Only GET, HEAD and POST are known here.');
  });
  // Longer than a balancer keeps an idle connection, so that it is never us who closes one that is being reused.
  server.keepAliveTimeout = 75_000;
  server.requestTimeout = 30_000;

  function get(path: string, request: IncomingMessage, response: ServerResponse): void {
    const asset = assets.get(path);
    if (asset !== undefined) {
      response.writeHead(200, { 'Content-Type': asset.type, 'Cache-Control': 'public, max-age=31536000, immutable' });
      response.end(asset.body);
    } else if (path === '/') {
      showPage(request, response);
    } else if (path === '/status') {
      const { session } = recognise(request, sessions);
      const { name, pid } = options;
      sendJson(response, {
        name,
        pid,
        served: session?.served ?? 0,
        things: session === null ? 0 : countThings(session),
      });
    } else if (path === '/healthz') {
      sendJson(response, { sessions: sessions.size, things: sessions.things });
    } else {
      refuse(response, 404, 'There is nothing here but sand.');
    }
  }

  function showPage(request: IncomingMessage, response: ServerResponse): void {
    const { session, lost } = recognise(request, sessions);
    if (session !== null) session.served += 1;
    const notice = session?.notice ?? null;
    if (session !== null) session.notice = null;
    const body = renderPage({ server: options, session, lost, notice, assetVersion });
    response.writeHead(200, pageHeaders);
    response.end(body);
  }

  function post(path: string, request: IncomingMessage, response: ServerResponse): void {
    const action = Object.hasOwn(actions, path) ? actions[path] : undefined;
    if (action === undefined && path !== '/kill') refuse(response, 404, 'There is nothing here but sand.');
    else if (!sameOrigin(request)) refuse(response, 403, 'This form came from another site.');
    else {
      readForm(request, (form) => {
        if (form === 'too-large') refuse(response, 413, 'The form is larger than 16 KB.');
        else if (form === 'wrong-type') refuse(response, 415, 'Forms are application/x-www-form-urlencoded.');
        else if (action === undefined) kill(response);
        else act(action, form, request, response);
      });
    }
  }

  function act(action: Action, form: URLSearchParams, request: IncomingMessage, response: ServerResponse): void {
    const known = recognise(request, sessions).session;
    const session = known ?? sessions.create();
    const before = known?.id;
    session.served += 1;
    const location = action(session, form, sessions);
    if (sessions.find(session.id) === undefined) setCookie(response, '', '; Max-Age=0');
    else if (session.id !== before) setCookie(response, session.id, '');
    response.writeHead(303, { Location: location, 'Cache-Control': 'no-store' });
    response.end();
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

/** The session that the request's cookie names, if this process holds it. Same-named cookies are tried in turn. */
function recognise(request: IncomingMessage, sessions: Sessions): { session: Session | null; lost: boolean } {
  let lost = false;
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const [name, value] = pair.trim().split('=', 2);
    if (name !== 'shop_sid' || value === undefined || !idForm.test(value)) continue;
    const session = sessions.find(value);
    if (session !== undefined) return { session, lost: false };
    lost = true;
  }
  return { session: null, lost };
}

function setCookie(response: ServerResponse, value: string, more: string): void {
  response.setHeader('Set-Cookie', `shop_sid=${value}; Path=/; HttpOnly; SameSite=Lax${more}`);
}

/** Browsers say where a form stood; with SameSite=Lax this is the second lock against forged forms. */
function sameOrigin(request: IncomingMessage): boolean {
  const { origin, host } = request.headers;
  if (origin === undefined) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}

type Form = URLSearchParams | 'too-large' | 'wrong-type';

function readForm(request: IncomingMessage, done: (form: Form) => void): void {
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  const chunks: Buffer[] = [];
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    const before = size;
    size += chunk.length;
    if (size <= maxBody) chunks.push(chunk);
    else if (before <= maxBody) done('too-large');
  });
  request.on('end', () => {
    if (size > maxBody) return;
    if (size > 0 && type !== 'application/x-www-form-urlencoded') done('wrong-type');
    else done(new URLSearchParams(Buffer.concat(chunks).toString('utf8')));
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
