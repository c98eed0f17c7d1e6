/** What is particular to a framework: how it makes an answer of what is thrown, and which responses it makes by itself. */
import { createServer } from 'node:http';
import { fromNodeHandler, H3, HTTPError, toNodeHandler } from 'h3';
import Koa from 'koa';
import { describe, expect, test } from 'vitest';
import { limpet as h3Limpet } from '../../src/session/h3.ts';
import { limpet as koaLimpet } from '../../src/session/koa.ts';
import { limpet as nextLimpet } from '../../src/session/next.ts';
import { limpet as kitLimpet, type RequestEvent } from '../../src/session/sveltekit.ts';
import { host } from '../support/host.ts';
import { Client, serve } from './support/client.ts';
import { MapStore } from './support/map-store.ts';

const local = { strategy: 'local', onError: () => {} } as const;
/** Nobody signs what such an app is told. */
const alone = { strategy: 'sticky', onError: () => {} } as const;

describe('Koa', () => {
  const start = (options: Parameters<typeof koaLimpet>[0]) => {
    const app = new Koa();
    app.silent = true;
    app.use(koaLimpet(options));
    app.use((context) => {
      context.limpet.set('path', context.path);
      if (context.path === '/refuse') context.throw(401, 'counted');
      if (context.path === '/fail') context.throw(500);
      context.body = context.limpet.data;
    });
    return serve(app.callback());
  };

  test('what is thrown with 401 keeps its change, with 500 it does not', async () => {
    await using app = await start(local);
    const client = new Client(`http://${host}:${app.port}`);
    expect(await client.get('/refuse')).toMatchObject({ status: 401, body: 'counted' });
    expect(client.jar.size).toBe(1);
    expect((await client.get('/fail')).status).toBe(500);
    expect((await client.get('/')).body).toBe('{"path":"/"}');
  });

  test('a session that cannot be opened: Koa’s own answer names the reason', async () => {
    await using app = await start(alone);
    const { status, headers } = await new Client(`http://${host}:${app.port}`).get('/');
    expect([status, headers.get('limpet-reason')]).toEqual([500, 'no-balancer']);
  });
});

describe('h3', () => {
  const start = (options: Parameters<typeof h3Limpet>[0]) => {
    const app = new H3({
      silent: true,
      onError: (error) => (error.status === 418 ? 'by onError' : undefined),
      onResponse: (response) => response.headers.append('seen', 'once'),
    });
    app.use(h3Limpet(options));
    app.get('/before', (event) => JSON.stringify(event.context.limpet.get('path')));
    app.use((event) => {
      if (event.url.pathname !== '/before') event.context.limpet.set('path', event.url.pathname);
    });
    app.get('/json', (event) => {
      event.res.headers.set('prepared', 'yes');
      return event.context.limpet.data;
    });
    app.get('/refuse', () => {
      throw new HTTPError({ status: 401, headers: { 'www-authenticate': 'Basic' } });
    });
    app.get('/teapot', () => Promise.reject(new HTTPError({ status: 418 })));
    app.get('/fail', () => {
      throw new Error('as it was asked');
    });
    app.get(
      '/by-node',
      fromNodeHandler((_request, response) => void response.end('by node')),
    );
    return serve(createServer(toNodeHandler(app)).listeners('request')[0] as Parameters<typeof serve>[0]);
  };

  test('values, prepared headers, and hooks of the config, which run once', async () => {
    await using app = await start(local);
    const client = new Client(`http://${host}:${app.port}`);
    const { body, headers } = await client.get('/json');
    expect(body).toBe('{"path":"/json"}');
    expect(Object.fromEntries(headers)).toMatchObject({
      prepared: 'yes',
      seen: 'once',
      'set-cookie': expect.stringContaining('sid='),
      'content-type': expect.stringContaining('application/json'),
    });
    expect(await client.get('/teapot')).toMatchObject({ status: 200, body: 'by onError' });
  });

  test('what is thrown with 401 keeps its change, with 500 it does not; nor does a route that is none change anything by itself', async () => {
    await using app = await start(local);
    const client = new Client(`http://${host}:${app.port}`);
    const { status, headers } = await client.get('/refuse');
    expect([status, headers.get('www-authenticate')]).toEqual([401, 'Basic']);
    expect(client.jar.size).toBe(1);
    expect((await client.get('/fail')).status).toBe(500);
    expect((await client.get('/nothing-here')).status).toBe(404);
    expect((await client.get('/json')).body).toBe('{"path":"/json"}');
  });

  test('a handler for Node sends by itself: a session that is known is kept apart, one that begins is an error', async () => {
    const store = new MapStore();
    const put = store.put.bind(store);
    let kept = Promise.withResolvers<void>();
    const failed = Promise.withResolvers<Error>();
    store.put = async (...given) => {
      const result = await put(...given);
      kept.resolve();
      return result;
    };
    await using app = await start({ strategy: 'shared', store, onError: failed.resolve });
    const client = new Client(`http://${host}:${app.port}`);
    expect((await client.get('/by-node')).body).toBe('by node');
    expect(await failed.promise).toMatchObject({ code: 'head-left' });
    await client.get('/json');
    kept = Promise.withResolvers();
    expect((await client.get('/by-node')).body).toBe('by node');
    await kept.promise;
    expect(JSON.parse((await client.get('/before')).body)).toBe('/by-node');
  });

  test('a session that cannot be opened', async () => {
    await using app = await start(alone);
    const { status, headers } = await new Client(`http://${host}:${app.port}`).get('/json');
    expect([status, headers.get('limpet-reason')]).toEqual([500, 'no-balancer']);
  });
});

/** A browser for handlers that are called without a server. */
class Browser {
  cookie = '';

  async ask(handler: (request: Request) => Promise<Response>, headers: Record<string, string> = {}): Promise<Response> {
    const response = await handler(new Request('http://app/', { headers: { ...headers, cookie: this.cookie } }));
    for (const line of response.headers.getSetCookie()) this.cookie = line.split(';', 1)[0] ?? '';
    return response;
  }
}

describe('Next.js', () => {
  /** As `redirect()` and `notFound()` of next/navigation throw. */
  const thrown = (digest: string) => Object.assign(new Error(digest.split(';')[0]), { digest });
  const withSession = nextLimpet(local);
  const context = { params: Promise.resolve({ id: '7' }) };
  const throwing = (digest: string) =>
    withSession<{ id: string }>(async (_request, { limpet, params }) => {
      limpet.set('id', (await params).id);
      throw thrown(digest);
    });
  const get = withSession(async (_request, { limpet }) => Response.json(limpet.data));

  test('redirect and notFound are answers: what was changed before is kept', async () => {
    const browser = new Browser();
    const to = 'https://elsewhere/a;b?c=d';
    const redirected = await browser.ask((request) => throwing(`NEXT_REDIRECT;replace;${to};307;`)(request, context));
    expect([redirected.status, redirected.headers.get('location')]).toEqual([307, to]);
    expect(await (await browser.ask((request) => get(request, context))).json()).toEqual({ id: '7' });
    const missing = await new Browser().ask((request) => throwing('NEXT_HTTP_ERROR_FALLBACK;404')(request, context));
    expect([missing.status, missing.headers.getSetCookie().length]).toEqual([404, 1]);
  });

  test('what else is thrown is Next’s, and has changed nothing', async () => {
    const browser = new Browser();
    await browser.ask((request) =>
      withSession((_, { limpet }) => Response.json(limpet.set('a', 1) ?? null))(request, context),
    );
    for (const digest of ['DYNAMIC_SERVER_USAGE', 'NEXT_REDIRECT;replace;/;200;']) {
      await expect(browser.ask((request) => throwing(digest)(request, context))).rejects.toThrow();
    }
    expect(await (await browser.ask((request) => get(request, context))).json()).toEqual({ a: 1 });
  });

  test('a session that cannot be opened', async () => {
    const response = await nextLimpet(alone)(() => new Response())(new Request('http://app/'), context);
    expect([response.status, response.headers.get('limpet-reason')]).toEqual([500, 'no-balancer']);
  });
});

describe('SvelteKit', () => {
  interface Event extends RequestEvent {
    readonly locals: { limpet?: import('../../src/session/index.ts').Session };
  }
  const handle = kitLimpet(local);
  const handler =
    (work: (event: Event) => Response | Promise<Response>, isDataRequest = false) =>
    (request: Request) =>
      handle({ event: { request, locals: {}, isDataRequest } as Event, resolve: work });
  const set = ({ locals }: Event) => locals.limpet?.set('value', 1);
  const read = async (browser: Browser) =>
    (await browser.ask(handler(({ locals }) => Response.json(locals.limpet?.data)))).json();
  const reject = (_done: unknown, thrown: unknown) => Promise.reject(thrown);
  const etag = { etag: '"page"' };

  test('a page with an ETag keeps it only where the session adds nothing', async () => {
    const browser = new Browser();
    const page = (work: (event: Event) => unknown) =>
      browser.ask(handler((event) => Response.json(work(event) ?? null, { headers: etag })));
    expect((await page(set)).headers.get('etag')).toBeNull();
    expect((await page(({ locals }) => locals.limpet?.get('value'))).headers.get('etag')).toBe('"page"');
  });

  test('a redirect of a request for data is answered as SvelteKit would', async () => {
    const browser = new Browser();
    const redirect = (event: Event) => {
      set(event);
      return new Response(null, { status: 303, headers: { location: '/login' } });
    };
    const response = await browser.ask(handler(redirect, true));
    expect([response.status, await response.json()]).toEqual([200, { type: 'redirect', location: '/login' }]);
    expect(await read(browser)).toEqual({ value: 1 });
    // Nothing to add: it stays as it is.
    const plain = await browser.ask(
      handler(() => new Response(null, { status: 303, headers: { location: '/' } }), true),
    );
    expect(plain.status).toBe(303);
  });

  test('another hook throws a redirect: it is passed on, or answered with what the session adds', async () => {
    const browser = new Browser();
    const thrown = { status: 303, location: '/login' };
    const passed = browser.ask(handler(() => Promise.reject(thrown)));
    await expect(passed).rejects.toBe(thrown);
    const answered = await browser.ask(handler((event) => reject(set(event), thrown)));
    expect([answered.status, answered.headers.get('location')]).toEqual([303, '/login']);
    expect(await read(browser)).toEqual({ value: 1 });
  });

  test('another hook throws an error: one below 500 keeps what was changed, others do not', async () => {
    const browser = new Browser();
    await browser.ask(handler((event) => Response.json(set(event) ?? null)));
    const change = (value: unknown, thrown: unknown) =>
      browser.ask(handler(({ locals }) => reject(locals.limpet?.set('value', value), thrown)));
    const forbidden = { status: 403, body: { message: 'no' } };
    await expect(change(2, forbidden)).rejects.toBe(forbidden);
    expect(await read(browser)).toEqual({ value: 2 });
    await expect(change(3, { status: 500, body: { message: 'no' } })).rejects.toMatchObject({ status: 500 });
    await expect(change(3, new Error('as it was asked'))).rejects.toThrow('as it was asked');
    expect(await read(browser)).toEqual({ value: 2 });
  });

  test('a session that cannot be opened', async () => {
    const event: Event = { request: new Request('http://app/'), locals: {}, isDataRequest: false };
    const response = await kitLimpet(alone)({ event, resolve: () => new Response() });
    expect([response.status, response.headers.get('limpet-reason')]).toEqual([500, 'no-balancer']);
  });
});
