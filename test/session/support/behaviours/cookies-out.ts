/** The cookie that is set: its attributes, and when it may be sent at all. */
import { type Behaviour, hour } from './behaviour.ts';
import type { Client, SendOptions } from './client.ts';
import { type Act, behaviour, type Options, usual } from './express-app.ts';

/** The same story with different options: begin, come back, change. */
function attributes(
  name: string,
  cookie: Options['cookie'] | (() => Options),
  more: SendOptions = {},
  settings = {},
): Behaviour {
  const isLate = typeof cookie === 'function' && cookie.length === 0;
  const options = isLate ? (cookie as () => Options) : { cookie: (cookie as Options['cookie']) ?? {} };
  return behaviour(`cookie ${name}`, { options, settings }, async (client) => {
    await client.get('/set?who=ada', more);
    await client.get('/cookie', more);
    await client.get('/set?more=1', more);
    await client.get('/all', more);
  });
}

const overTls = { headers: { 'x-forwarded-proto': 'https' } };
const trusting = { 'trust proxy': true };
const proto = (text: string): SendOptions => ({ headers: { 'x-forwarded-proto': text } });

/** `cookie.secure: true` behind something that says how the client came. */
function proxied(name: string, options: Options, send: SendOptions, settings = {}): Behaviour {
  return behaviour(
    `secure ${name}`,
    { options: { cookie: { secure: true }, ...options }, settings },
    async (client) => {
      await client.get('/set?who=ada', send);
      await client.get('/all', send);
    },
  );
}

/** Changes the cookie of this session, and comes back twice. */
function perSession(
  name: string,
  change: (cookie: Parameters<Act>[0]['session']['cookie']) => void,
  options: Options = {},
): Behaviour {
  const acts: Record<string, Act> = {
    '/change': (request, response) => {
      Object.assign(request.session, { who: 'ada' });
      change(request.session.cookie);
      response.send('changed');
    },
  };
  return behaviour(`this session's cookie: ${name}`, { options, acts }, async (client) => {
    await client.get('/change');
    await client.get('/cookie');
    await client.get('/set?more=1');
    await client.get('/cookie');
    await client.get('/all');
  });
}

const before = (client: Client) => client.get('/set?who=ada');

export const cookiesOut: readonly Behaviour[] = [
  attributes('as it is by default', undefined),
  attributes('maxAge', { maxAge: hour }),
  attributes('maxAge of a year', { maxAge: 365 * 24 * hour }),
  attributes('maxAge null', { maxAge: null }),
  attributes('expires', () => ({ cookie: { expires: new Date(Date.now() + 2 * hour) } })),
  attributes('expires and maxAge: the last counts', () => ({
    cookie: { expires: new Date(Date.now() + 2 * hour), maxAge: hour },
  })),
  attributes('maxAge and expires: the last counts', () => ({
    cookie: { maxAge: hour, expires: new Date(Date.now() + 2 * hour) },
  })),
  attributes('domain', { domain: 'example.org' }),
  attributes('path /', { path: '/' }),
  attributes('httpOnly false', { httpOnly: false }),
  attributes('sameSite lax', { sameSite: 'lax' }),
  attributes('sameSite strict', { sameSite: 'strict' }),
  attributes('sameSite none', { sameSite: 'none' }),
  attributes('sameSite true', { sameSite: true }),
  attributes('sameSite false', { sameSite: false }),
  attributes('sameSite auto, not secure', { sameSite: 'auto' }),
  attributes('sameSite auto, secure', { sameSite: 'auto' }, overTls, trusting),
  attributes('partitioned', { partitioned: true }),
  attributes('priority high', { priority: 'high' }),
  attributes('priority low', { priority: 'low' }),
  attributes('secure auto, not secure', { secure: 'auto' }),
  attributes('secure auto, secure', { secure: 'auto' }, overTls, trusting),
  attributes('all of them', {
    maxAge: hour,
    domain: 'example.org',
    sameSite: 'strict',
    priority: 'high',
    partitioned: true,
    path: '/',
  }),
  attributes('by a function of the request', (request) => ({
    maxAge: hour,
    domain: `${request.method === 'GET' ? '' : 'other.'}example.org`,
  })),
  behaviour(
    'cookie.path: no session outside of it',
    { options: { cookie: { path: '/admin' } }, acts: inBoth() },
    async (client) => {
      await client.get('/open');
      await client.get('/admin/set');
      await client.get('/admin/all');
      await client.get('/open');
      // By its first letters, as a cookie's path is not.
      await client.get('/administrator');
    },
  ),
  behaviour(
    'mounted under a path: cookie.path counts for the whole of the URL',
    { mount: '/admin', options: { cookie: { path: '/admin' } }, acts: inBoth() },
    async (client) => {
      await client.get('/admin/set');
      await client.get('/admin/all');
      await client.get('/open');
    },
  ),
  behaviour('mounted under a path: only there', { mount: '/admin', acts: inBoth() }, async (client) => {
    await client.get('/admin/set');
    await client.get('/open');
    await client.get('/admin/all');
  }),
  behaviour('two middlewares in a row: the first one counts', { acts: {} }, async (client) => {
    await before(client);
    await client.get('/all');
  }),

  proxied('over plain HTTP: no cookie', {}, {}),
  proxied('proxy undefined, Express does not trust', {}, overTls),
  proxied('proxy undefined, Express trusts', {}, overTls, trusting),
  proxied('proxy undefined, Express trusts, plain', {}, proto('http'), trusting),
  proxied('proxy true', { proxy: true }, overTls),
  proxied('proxy true, in capitals', { proxy: true }, proto('HTTPS')),
  proxied('proxy true, a list: its first', { proxy: true }, proto('https, http')),
  proxied('proxy true, a list whose first is plain', { proxy: true }, proto('http, https')),
  proxied('proxy true, with spaces', { proxy: true }, proto('  https  ')),
  proxied('proxy true, nothing said', { proxy: true }, {}),
  proxied('proxy true, something else said', { proxy: true }, proto('wss')),
  proxied('proxy false, whatever Express trusts', { proxy: false }, overTls, trusting),

  perSession('a longer maxAge', (cookie) => void (cookie.maxAge = 48 * hour), { cookie: { maxAge: hour } }),
  perSession('a shorter maxAge', (cookie) => void (cookie.maxAge = hour), { cookie: { maxAge: 48 * hour } }),
  perSession('a maxAge where there was none', (cookie) => void (cookie.maxAge = hour)),
  perSession('expires false: for as long as the browser runs', (cookie) => Object.assign(cookie, { expires: false }), {
    cookie: { maxAge: hour },
  }),
  perSession('maxAge null', (cookie) => Object.assign(cookie, { maxAge: null }), { cookie: { maxAge: hour } }),
  perSession('expires as a date', (cookie) => void (cookie.expires = new Date(Date.now() + 3 * hour))),
  perSession('in the past: it is over', (cookie) => void (cookie.expires = new Date(Date.now() - hour))),
  perSession('maxAge 0: it is over', (cookie) => void (cookie.maxAge = 0)),
  perSession('a domain', (cookie) => void (cookie.domain = 'example.org')),
  perSession('not httpOnly', (cookie) => void (cookie.httpOnly = false)),
  perSession('sameSite', (cookie) => void (cookie.sameSite = 'strict')),
  perSession('another path', (cookie) => void (cookie.path = '/elsewhere')),
  perSession('secure, over plain HTTP', (cookie) => void (cookie.secure = true)),
  behaviour(
    'a cookie that alone has changed is not set again',
    { options: { cookie: { maxAge: hour } }, acts: { '/longer': longer } },
    async (client) => {
      await before(client);
      await client.get('/longer');
      await client.get('/cookie');
    },
  ),
  behaviour(
    'with maxAge each change sets it again, and a read does not',
    { options: { cookie: { maxAge: hour } } },
    async (client) => {
      await before(client);
      await client.get('/all');
      await client.get('/set?who=bob');
      await client.get('/set?who=bob');
    },
  ),
  behaviour('without maxAge it is set once', {}, async (client) => {
    await before(client);
    await client.get('/set?who=bob');
    await client.get('/all');
  }),
  behaviour('beside the cookies of the app', { acts: { '/own': own } }, async (client) => {
    await client.get('/own?how=set');
    await client.get('/own?how=append');
    await client.get('/own?how=head');
  }),
  behaviour(
    'the cookie as JSON and as a header',
    { options: { cookie: { maxAge: hour, path: '/' } }, acts: { '/json': json } },
    async (client) => {
      await client.get('/json');
    },
  ),
];

function longer(...[request, response]: Parameters<Act>): void {
  request.session.cookie.maxAge = 48 * hour;
  response.send('longer');
}

function own(...[request, response]: Parameters<Act>): void {
  Object.assign(request.session, { at: request.query.how });
  if (request.query.how === 'set') response.setHeader('Set-Cookie', 'mine=1').send('set');
  else if (request.query.how === 'append') response.cookie('mine', '2').cookie('other', '3').send('append');
  else response.writeHead(200, { 'Set-Cookie': ['mine=4'] }).end('head');
}

function json(...[request, response, { note }]: Parameters<Act>): void {
  const { expires, ...rest } = JSON.parse(JSON.stringify(request.session.cookie));
  note('as JSON', rest, new Date(expires));
  note('keys', Object.keys(request.session).join());
  response.send('json');
}

function inBoth(): Record<string, Act> {
  const show: Act = (request, response, tools) =>
    request.session === undefined ? response.send('no session') : usual['/all']?.(request, response, tools);
  const set: Act = (request, response) => {
    Object.assign(request.session, { who: 'ada' });
    response.send('set');
  };
  return { '/open': show, '/administrator': show, '/admin/all': show, '/admin/set': set };
}
