/**
 * What an app says of its session's cookie counts behind the real balancer, within what that allows: with express-session in an
 * Express app, and with the API of the library.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { host } from '../support/host.ts';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { scheme } from '../support/transport.ts';
import { Browser } from './support/browser.ts';
import { type LaunchedApp, type LaunchOptions, launch } from './support/launch.ts';

/** A cookie with Max-Age alone comes back from Java's clients in quotes. */
const expires = expect.stringMatching(/^\w{3}, [\w :]{20} GMT$/);
/** The balancer adds it where the client's connection is TLS. */
const overTls = scheme === 'https' ? { secure: '' } : {};
const flags = scheme === 'https' ? 'HttpOnly; SameSite=Lax; Secure' : 'HttpOnly; SameSite=Lax';
const secret = 'shared by the balancer and its servers, for tests';
const day = 86_400;
const hour = 3600;
const said = (value: object) => encodeURIComponent(JSON.stringify(value));
const attributesIn = (browser: Browser) => Object.fromEntries(browser.cookie('limpet')?.attributes ?? []);

async function json(browser: Browser, path: string): Promise<unknown> {
  const { status, body } = await browser.get(path);
  expect(status).toBe(200);
  return JSON.parse(body);
}

/** Servers with a store that outlives them and the balancer, and a clock that the test sets for all of them. */
class Stage implements AsyncDisposable {
  apps: LaunchedApp[] = [];
  limpet!: Limpet;
  private readonly folder = mkdtempSync(join(tmpdir(), 'limpet-cookie-'));
  private readonly env = { LIMPET_TEST_CLOCK: join(this.folder, 'clock'), NODE_ENV: 'test' };

  async launch(count: number, what: LaunchOptions): Promise<string[]> {
    const options = { secret, ...what.options };
    const started = await Promise.all(Array.from({ length: count }, () => launch({ ...what, options, env: this.env })));
    this.apps.push(...started);
    return started.map(({ port }) => `${host}:${port}`);
  }

  async open(runtime: LaunchOptions['runtime'], pools: object, routes?: object[]): Promise<void> {
    const sessions = { store: `lmdb:${this.folder}/copies`, secret };
    const config = { pools, sessions, identify: true, ...(routes && { routes }) };
    this.limpet = await startLimpet(runtime, { config, env: { ...this.env, LIMPET_STATE: `${this.folder}/state` } });
  }

  /** kill -9 of the server that the last answer came from. */
  async killOwner(browser: Browser): Promise<void> {
    const { headers } = await browser.get('/all');
    await this.apps[Number(/^s(\d)/.exec(String(headers['limpet-server']))?.[1])]!.kill();
  }

  /** All processes are ended; when they are started anew it is so many seconds later than it was at first. */
  async close(passed: number): Promise<void> {
    await this.limpet.stop();
    await this.limpet[Symbol.asyncDispose]();
    await Promise.all(this.apps.splice(0).map((app) => app.kill()));
    writeFileSync(this.env.LIMPET_TEST_CLOCK, String(passed * 1000));
    // It holds how far the clock was ahead of the machine's: this is no step, but time that has passed.
    rmSync(join(this.folder, 'state/clock'), { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close(0);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const poolOf = (addresses: string[], cookie: object = { name: 'limpet' }) => ({
  servers: addresses.map((address, n) => ({ name: `s${n}`, address })),
  affinity: [{ cookie }],
});

describe.each(runtimes)('express-session behind the balancer on %s', (runtime) => {
  test('its cookie options count: over kill -9, a new browser, and 14 days without anybody', {
    timeout: 60_000,
  }, async () => {
    await using stage = new Stage();
    const more = { cookie: { maxAge: 7 * day * 1000, sameSite: 'strict', path: '/', secure: false } };
    const open = async (count: number) => {
      await stage.open(runtime, { shop: poolOf(await stage.launch(count, { runtime, app: 'express-session', more })) });
      return new Browser(stage.limpet.url);
    };
    let long = await open(2);
    const week = new Browser(long.base);
    await week.get('/set?name=cart&value=1');
    const usual = { path: '/', httponly: '', samesite: 'Strict', ...overTls };
    expect(attributesIn(week)).toEqual({ ...usual, 'max-age': String(7 * day + hour), expires });
    expect((await long.get('/remember?value=ada')).setCookies).toHaveLength(2);
    expect(attributesIn(long)).toEqual({ ...usual, 'max-age': String(14 * day + hour), expires });

    const short = new Browser(stage.limpet.url);
    await short.get('/set?value=1');
    await short.get(`/say?value=${said({ maxAge: 600_000, sameSite: 'lax', partitioned: true })}`);
    const narrow = { ...usual, samesite: 'Lax', secure: '', partitioned: '' };
    expect(attributesIn(short)).toEqual({ ...narrow, 'max-age': '750', expires });
    await short.get(`/say?value=${said({ maxAge: null })}`);
    expect(attributesIn(short)).toEqual(narrow);
    await short.get(`/say?value=${said({ maxAge: 600_000 })}`);

    const out = new Browser(stage.limpet.url);
    await out.get('/set?value=1');
    expect((await out.get('/logout')).status).toBe(200);
    // There is nothing to remember: what is left goes with the browser.
    expect(attributesIn(out)).toEqual({ path: '/', httponly: '', samesite: 'Lax', ...overTls });

    await stage.killOwner(long);
    expect(await json(long, '/all')).toEqual({ user: 'ada' });
    // The cookie that names its new owner lasts as long.
    expect(attributesIn(long)).toEqual({ ...usual, 'max-age': String(14 * day + hour), expires });
    expect((await stage.limpet.counters()).cookies_limited).toBe(0);

    await stage.close(14 * day - 60);
    long = new Browser((await open(1)).base, long);
    long.restart();
    expect(long.names).toEqual(['connect.sid', 'limpet']);
    expect(await json(long, '/all')).toEqual({ user: 'ada' });
    // Over by their own times: new sessions, without an error.
    for (const former of [week, short]) expect(await json(new Browser(long.base, former), '/all')).toEqual({});
    await until('they are counted', async () => (await stage.limpet.counters()).tokens_expired === 2);
  });
});

describe.each(runtimes)('session.setCookie behind the balancer on %s', (runtime) => {
  const stage = new Stage();
  const usual = { path: '/', httponly: '', samesite: 'Lax', ...overTls };
  const hosts = ['shop', 'strict', 'wide', 'always', 'options'];
  const at = (pool: string) => new Browser(stage.limpet.url, null, `${pool}.test`);

  beforeAll(async () => {
    const shop = await stage.launch(2, { runtime, app: 'node' });
    const options = { cookie: { maxAge: '10d', sameSite: 'strict' }, idle: '20m' } as const;
    const other = await stage.launch(1, { runtime, app: 'node', options });
    const app = {
      maxAge: '2000h',
      sameSite: 'None',
      secure: 'never',
      httpOnly: false,
      domain: 'example.org',
      path: '/',
    };
    const pools = {
      shop: poolOf(shop, { app: { domain: 'example.org' } }),
      strict: poolOf(shop, { idle: '1h' }),
      wide: poolOf(shop, { idle: '1h', secure: 'always', path: '/co', app }),
      always: poolOf(shop, { bind: 'always' }),
      options: poolOf(other, {}),
    };
    await stage.open(
      runtime,
      pools,
      hosts.map((pool) => ({ match: { host: `${pool}.test` }, pool })),
    );
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  test('a cookie of another Path or Domain takes the place of the one before, and a logout finds it', async () => {
    const browser = at('shop');
    await browser.get('/set?value=1');
    const narrow = await browser.get(`/cookie?value=${said({ path: '/co' })}`);
    expect(narrow.setCookies[0]).toBe(`limpet=; Path=/; ${flags}; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT`);
    expect(narrow.setCookies[1]).toMatch(new RegExp(`^limpet=[^;]+; Path=/co; ${flags}$`));
    expect([...browser.jar.keys()]).toEqual(['limpet  /co']);
    const wide = await browser.get(`/cookie?value=${said({ path: '/', domain: '.Shop.Example.org' })}`);
    expect(wide.setCookies[0]).toBe(`limpet=; Path=/co; ${flags}; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT`);
    expect(wide.setCookies[1]).toMatch(new RegExp(`^limpet=[^;]+; Path=/; Domain=shop.example.org; ${flags}$`));
    expect(await json(browser, '/all')).toEqual({ value: '1' });
    const out = await browser.get('/logout');
    expect(out.setCookies).toEqual([
      `limpet=; Path=/; Domain=shop.example.org; ${flags}; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT`,
    ]);
    expect(browser.names).toEqual([]);
  });

  test('a cookie of a Path of its own whose session has ended does not hide that of the next one', async () => {
    const browser = at('always');
    await browser.get(`/cookie?value=${said({ path: '/al' })}`);
    expect([...browser.jar.keys()]).toEqual(['limpet  /al']);
    const other = at('always');
    other.jar.set('everywhere', { ...[...browser.jar.values()][0]!, attributes: new Map() });
    expect((await other.get('/logout')).status).toBe(200);
    const next = await browser.get('/all');
    expect([next.status, next.body]).toEqual([200, '{}']);
    expect(next.setCookies[0]).toBe(`limpet=; Path=/al; ${flags}; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT`);
    expect([...browser.jar.keys()]).toEqual(['limpet  /']);
  });

  test('what is not allowed is not done, counted, and said once with what to configure', async () => {
    const browser = at('strict');
    const wish = { maxAge: '14d', sameSite: 'none', domain: 'example.org', secure: false, httpOnly: false };
    for (let n = 0; n < 3; n++) await browser.get(`/cookie?value=${said(wish)}`);
    expect(attributesIn(browser)).toEqual({ ...usual, 'max-age': String(hour + hour / 4), expires });
    expect((await stage.limpet.counters()).cookies_limited).toBe(1);
    const errors = stage.apps.map((app) => app.errors()).join('');
    for (const text of [
      'cookie.maxAge: found 1209600, expected at most 3600 seconds, which is what the session gets. To allow it: maxAge: 336h in cookie.app of the cookie affinity of pool strict',
      'cookie.sameSite: found "none", expected lax at most. To allow it: sameSite: None',
      'cookie.domain: found "example.org", expected none. To allow it: domain: example.org',
      'cookie.secure: found false, expected true. To allow it: secure: never',
      'cookie.httpOnly: found false, expected true. To allow it: httpOnly: false',
    ]) {
      expect([text, errors.split(text).length]).toEqual([text, 2]);
    }
  });

  test('what the app may do it does', async () => {
    const browser = at('wide');
    await browser.get(`/cookie?value=${said({ maxAge: '60d', secure: false, httpOnly: false, path: '/' })}`);
    const attributes = { path: '/', samesite: 'Lax', 'max-age': String(60 * day + hour), expires };
    expect(attributesIn(browser)).toEqual(attributes);
    await browser.get(`/cookie?value=${said({ sameSite: 'none', secure: true })}`);
    expect(attributesIn(browser)).toEqual({ ...attributes, samesite: 'None', secure: '' });
  });

  test('options of the library count for every session; a request that fails, or comes too late, says nothing', async () => {
    const browser = at('options');
    await browser.get('/set?value=1');
    const attributes = { ...usual, samesite: 'Strict', 'max-age': String(10 * day + hour), expires };
    expect(attributesIn(browser)).toEqual(attributes);
    expect((await browser.get(`/cookie-throw?value=${said({ maxAge: null })}`)).status).toBe(500);
    expect(await json(browser, '/cookie')).toEqual({ maxAge: 10 * day, sameSite: 'strict' });
    expect((await browser.get(`/cookie-late?value=${said({ maxAge: null })}`)).body).toBe('first head-left');
    expect((await browser.get(`/cookie?value=${said({ path: 'no; Domain=evil' })}`)).status).toBe(500);
    expect(attributesIn(browser)).toEqual(attributes);
    await browser.get(`/cookie?value=${said({ maxAge: null })}`);
    expect(attributesIn(browser)).toEqual({ ...usual, samesite: 'Strict' });
  });

  // The last one: it ends a server.
  test('it is told once, kept by regenerate and by the next owner, and goes back', async () => {
    const browser = at('shop');
    await browser.get('/set?value=1');
    expect(attributesIn(browser)).toEqual(usual);
    const before = browser.cookie('limpet')!;
    // Without a word of the app it counts as long as the library keeps a session, and not for the eight hours of the balancer.
    expect(Buffer.from(before.value, 'base64url').readUInt32BE(58)).toBe(1800);
    const settings = { maxAge: 14 * day, sameSite: 'strict' };
    expect(await json(browser, `/cookie?value=${said({ ...settings, maxAge: '14d' })}`)).toEqual(settings);
    const long = { ...usual, samesite: 'Strict', 'max-age': String(14 * day + hour), expires };
    expect(attributesIn(browser)).toEqual(long);
    expect((await browser.get('/all')).setCookies).toEqual([]);

    const many = at('shop');
    await many.get('/set?value=1');
    const writers = Array.from({ length: 10 }, (_, n) => many.get(`/set?name=n${n}&value=1`));
    writers.splice(5, 0, many.get(`/cookie?value=${said({ maxAge: '14d', sameSite: 'strict' })}`));
    expect((await Promise.all(writers)).map(({ status }) => status)).toEqual(Array(11).fill(200));
    await many.get('/all');
    expect(attributesIn(many)).toEqual(long);

    // The former cookie once more, as if the answer that set it had overtaken the other: it does not stay.
    const late = at('shop');
    late.jar.set('late', before);
    await late.get('/all');
    expect(attributesIn(late)).toEqual(long);

    await stage.killOwner(browser);
    late.jar.clear();
    late.jar.set('late', before);
    expect(await json(late, '/cookie')).toEqual(settings);
    expect(attributesIn(late)).toEqual(long);
    expect((await browser.get('/all')).setCookies).toHaveLength(1);
    expect(attributesIn(browser)).toEqual(long);

    await browser.get('/login?value=ada');
    expect(attributesIn(browser)).toEqual(long);
    await browser.get(`/login-cookie?value=${said({ maxAge: null })}`);
    expect(attributesIn(browser)).toEqual({ ...usual, samesite: 'Strict' });
    browser.restart();
    expect(browser.names).toEqual([]);
  });
});
