/** What an app says of its session's cookie, where the cookie is the library's own: local, shared and stateless. */
import { describe, expect, test } from 'vitest';
import { fillOptions, internalOptions } from '../../src/session/filled-options.ts';
import { type SessionOptions, sessions } from '../../src/session/index.ts';
import { LocalSessions } from '../../src/session/local/local-sessions.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { silentEviction } from '../../src/store/store.ts';
import { HandTime } from '../support/hand-time.ts';
import { host } from '../support/host.ts';
import { act } from './support/acts.ts';
import { startFastify } from './support/apps/fastify-session.ts';
import { Browser } from './support/browser.ts';
import { serve } from './support/client.ts';
import { sendNode } from './support/program.ts';

const day = 86_400;
const said = (value: object) => encodeURIComponent(JSON.stringify(value));

async function run(strategy: (time: HandTime) => SessionOptions, more: Partial<SessionOptions> = {}) {
  const time = new HandTime(Date.now());
  const options = { ...strategy(time), ...more };
  const app = sessions(internalOptions({ onError: () => {}, clock: time, ...options }));
  const server = await serve(
    app.handle(async (request, response, session) =>
      sendNode(response, await act(new URL(request.url ?? '/', 'http://app'), session)),
    ),
  );
  const name = options.strategy === 'stateless' ? 'session' : 'sid';
  const browser = new Browser(`http://${host}:${server.port}`);
  return {
    time,
    browser,
    attributes: () => Object.fromEntries(browser.cookie(name)?.attributes ?? []),
    json: async (path: string): Promise<unknown> => JSON.parse((await browser.get(path)).body),
    async [Symbol.asyncDispose]() {
      await app.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

const storeAt = (time: HandTime) =>
  new MemoryStore({ maxBytes: 1 << 24, eviction: silentEviction, tombstoneTime: 3_600_000, stateBytes: 1 << 20 }, () =>
    time.now(),
  );
const strategies = {
  local: (): SessionOptions => ({ strategy: 'local' }),
  shared: (time: HandTime): SessionOptions => ({ strategy: 'shared', store: storeAt(time) }),
  stateless: (): SessionOptions => ({ strategy: 'stateless', secret: 'a secret for these tests only' }),
};
/** Both, or Java's clients send the cookie back in quotes. */
const lifeOf = (seconds: number, now = Date.now()) => ({
  'max-age': String(seconds),
  expires: expect.toSatisfy((text: string) => Math.abs(Date.parse(text) - now - seconds * 1000) < 60_000),
});
const usual = { path: '/', httponly: '', samesite: 'Lax' };

for (const [name, options] of Object.entries(strategies)) {
  /** What is given out seldom lasts a quarter longer, so that it lasts as long from the last request on. */
  const lasting = (seconds: number, now: number) => lifeOf(name === 'stateless' ? seconds * 1.25 : seconds, now);

  describe(`the cookie of ${name}`, () => {
    test('a maxAge outlives idle, the browser, and goes back; regenerate keeps it', async () => {
      await using app = await run(options);
      const { browser, time } = app;
      await browser.get('/set?value=1');
      expect(app.attributes()).toEqual(usual);
      await browser.get(
        `/cookie?value=${said({ maxAge: '14d', sameSite: 'strict', secure: true, partitioned: true })}`,
      );
      const long = { ...usual, samesite: 'Strict', secure: '', partitioned: '' };
      expect(app.attributes()).toEqual({ ...long, ...lasting(14 * day, time.wall()) });
      browser.restart();
      time.advance(14 * day * 1000 - 1);
      expect(await app.json('/all')).toEqual({ value: '1' });
      // A request that is too soon for anything to be dated anew counts all the same.
      time.advance(3 * day * 1000);
      expect(await app.json('/all')).toEqual({ value: '1' });
      time.advance(14 * day * 1000 - 1);
      expect(await app.json('/all')).toEqual({ value: '1' });
      await browser.get('/login?value=ada');
      expect(app.attributes()).toEqual({ ...long, ...lasting(14 * day, time.wall()) });
      expect(await app.json('/cookie')).toMatchObject({ maxAge: 14 * day, sameSite: 'strict' });
      await browser.get(`/cookie?value=${said({ maxAge: null })}`);
      expect(app.attributes()).toEqual(long);
      time.advance(31 * 60_000);
      expect(await app.json('/all')).toEqual({});
    });

    test('a maxAge below idle ends the session', async () => {
      await using app = await run(options);
      await app.browser.get(`/cookie?value=${said({ maxAge: '1m' })}`);
      await app.browser.get('/set?value=1');
      app.time.advance(60_000);
      expect(await app.json('/all')).toEqual({ value: '1' });
      app.time.advance(76_000);
      expect(await app.json('/all')).toEqual({});
    });

    test('another Path takes the place of the one before, and a logout finds it', async () => {
      await using app = await run(options, { cookie: { domain: 'example.org' } });
      const { browser } = app;
      await browser.get('/set?value=1');
      const { setCookies } = await browser.get(`/cookie?value=${said({ path: '/', domain: '' })}`);
      expect(setCookies[0]).toMatch(
        /^\w+=; Path=\/; Domain=example.org; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax$/,
      );
      expect(setCookies[1]).toMatch(/^\w+=[^;]+; Path=\/; HttpOnly; SameSite=Lax$/);
      expect(await app.json('/all')).toEqual({ value: '1' });
      expect((await browser.get('/logout')).setCookies).toEqual([
        expect.stringMatching(
          /^\w+=; Path=\/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax$/,
        ),
      ]);
      expect(browser.names).toEqual([]);
    });

    test('a request that fails has said nothing', async () => {
      await using app = await run(options, { cookie: { maxAge: '1d' } });
      await app.browser.get('/set?value=1');
      expect((await app.browser.get(`/cookie-throw?value=${said({ maxAge: null })}`)).status).toBe(500);
      expect(await app.json('/cookie')).toEqual({ maxAge: day });
      expect((await app.browser.get(`/cookie-late?value=${said({ maxAge: null })}`)).body).toBe('first head-left');
    });
  });
}

test('shared: of two requests at once each keeps what it has said of the cookie, or of the data', async () => {
  await using app = await run(strategies.shared);
  const { browser } = app;
  await browser.get('/set?value=1');
  const held = new Browser(browser.base, browser).get(
    `/cookie-held?value=${said({ maxAge: '14d' })}&signal=own-cookie`,
  );
  const { control } = await import('./support/acts.ts');
  await control(new URL('http://app/arrived?signal=own-cookie'));
  await browser.get('/set?name=other&value=2');
  await control(new URL('http://app/fire?signal=own-cookie'));
  expect((await held).status).toBe(200);
  expect([await app.json('/all'), await app.json('/cookie')]).toEqual([
    { value: '1', other: '2' },
    { maxAge: 14 * day },
  ]);
});

test('local: those that live longer are kept, the others are let go', () => {
  const time = new HandTime();
  const all = new LocalSessions(fillOptions({ strategy: 'local', clock: time }));
  const visit = () => all.open({ header: () => undefined, tls: false }, true);
  for (let n = 0; n < 100; n++) {
    const exchange = visit();
    if (n < 5) exchange.session.setCookie({ maxAge: '14d' });
    exchange.session.set('n', n);
    exchange.beforeHead();
    exchange.close(true);
  }
  time.advance(31 * 60_000);
  for (let n = 0; n < 120; n++) visit();
  expect(all.size).toBe(5);
});

test('@fastify/session: its maxAge is that of the session which carries its data', async () => {
  await using app = await startFastify(
    { strategy: 'local' },
    { cookie: { secure: false, maxAge: 14 * day * 1000, sameSite: 'strict' } },
  );
  const browser = new Browser(`http://${host}:${app.port}`);
  await browser.get('/set?value=1');
  const attributes = Object.fromEntries(browser.cookie('sid')?.attributes ?? []);
  expect(attributes).toEqual({ ...usual, samesite: 'Strict', ...lifeOf(14 * day) });
  browser.restart();
  expect(JSON.parse((await browser.get('/all')).body)).toEqual({ value: '1' });
  await browser.get('/logout');
  expect(Object.fromEntries(browser.cookie('sid')?.attributes ?? [])).toEqual(usual);
});
