/** The shop on its own, as a black box: real processes on both runtimes, spoken to over HTTP. */

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Session } from '../../src/session/index.ts';
import { startLimpet } from '../../test/support/limpet.ts';
import { Sightings } from './sessions.ts';
import { Shopper } from './shopper.ts';
import { createPaint } from './terminal.ts';

interface Process {
  readonly child: ChildProcess;
  readonly url: string;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

const script = fileURLToPath(new URL('server.ts', import.meta.url));
const bun = fileURLToPath(new URL('../../node_modules/.bin/bun', import.meta.url));
const formType = { 'Content-Type': 'application/x-www-form-urlencoded' };

function start(command: string, ...flags: readonly string[]): Promise<Process> {
  const child = spawn(command, [script, '--name', 'gull', ...flags], { stdio: ['ignore', 'ignore', 'pipe'] });
  return new Promise((resolve, reject) => {
    child.on('exit', (code) => reject(new Error(`exit code ${code}`)));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      const url = /listening on (http:\S+)/.exec(text)?.[1];
      if (url !== undefined) resolve({ child, url });
    });
  });
}

function ask(
  url: string,
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body = '',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      new URL(path, url),
      { method, headers: { 'Content-Length': Buffer.byteLength(body), ...headers }, agent: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (piece: string) => {
          text += piece;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** The id that the answer hands out. */
function sidOf(answer: Answer): string {
  const line = [answer.headers['set-cookie'] ?? []].flat().join('\n');
  return /shop_sid=([^;]*)/.exec(line)?.[1] ?? 'none';
}

describe.each([
  ['node', process.execPath],
  ['bun', bun],
] as const)('the shop on %s', (runtime, command) => {
  let shop: Process;
  beforeAll(async () => {
    expect(existsSync(command)).toBe(true);
    shop = await start(command, '--max-sessions', '50');
  });
  afterAll(() => {
    shop.child.kill('SIGKILL');
  });

  test('a cart: add, change the quantity, remove, total, check out', async () => {
    const add = await ask(shop.url, 'POST', '/cart/add', formType, 'product=limpet');
    expect([add.status, add.headers.location]).toEqual([303, '/#limpet']);
    const Cookie = `shop_sid=${sidOf(add)}`;
    const send = (path: string, form: string) => ask(shop.url, 'POST', path, { ...formType, Cookie }, form);
    const page = async () => (await ask(shop.url, 'GET', '/', { Cookie })).body;
    await send('/cart/add', 'product=limpet');
    await send('/cart/add', 'product=kelp');
    expect(await page()).toContain('data-things="3"');
    expect(await page()).toContain('€43.50');
    await send('/cart/set', 'product=kelp&quantity=5');
    expect(await page()).toContain('€69.50');
    await send('/cart/set', 'product=limpet&quantity=0');
    expect(await page()).toContain('data-things="5"');
    await send('/checkout', '');
    const thanks = await page();
    expect(thanks).toContain('Thank you!');
    expect(thanks).toContain('5 things for €32.50');
    expect(thanks).toContain('data-things="0"');
    expect(await page()).not.toContain('Thank you!');
  });

  test('quantities have bounds, and nonsense changes nothing', async () => {
    const Cookie = `shop_sid=${sidOf(await ask(shop.url, 'POST', '/cart/add', formType, 'product=net'))}`;
    const things = async (form: string) => {
      await ask(shop.url, 'POST', '/cart/set', { ...formType, Cookie }, form);
      return JSON.parse((await ask(shop.url, 'GET', '/status', { Cookie })).body).things;
    };
    expect(await things('product=net&quantity=9999')).toBe(99);
    for (const bad of ['-1', '1e3', 'NaN', '', '00000007', '1.5'])
      expect(await things(`product=net&quantity=${bad}`)).toBe(99);
    expect(await things('product=__proto__&quantity=3')).toBe(99);
    expect(await things('product=constructor&quantity=3')).toBe(99);
  });

  test('sign-in gives the session a fresh id, keeps the cart, and ends with sign-out', async () => {
    const guest = sidOf(await ask(shop.url, 'POST', '/cart/add', formType, 'product=tides'));
    expect(guest).toMatch(/^[0-9a-f]{32}$/);
    const signedIn = await ask(shop.url, 'POST', '/sign-in', { ...formType, Cookie: `shop_sid=${guest}` }, 'name=Ada');
    const sid = sidOf(signedIn);
    expect(sid).not.toBe(guest);
    expect(String(signedIn.headers['set-cookie'])).toMatch(/; Path=\/; HttpOnly; SameSite=Lax$/);
    const page = await ask(shop.url, 'GET', '/', { Cookie: `shop_sid=${sid}` });
    expect(page.body).toContain('Hello, <b>Ada</b>');
    expect(page.body).toContain('data-things="1"');
    expect(page.headers['set-cookie']).toBeUndefined();
    expect((await ask(shop.url, 'GET', '/', { Cookie: `shop_sid=${guest}` })).body).not.toContain('Hello');
    const out = await ask(shop.url, 'POST', '/sign-out', { Cookie: `shop_sid=${sid}` });
    expect(String(out.headers['set-cookie'])).toContain('Max-Age=0');
    expect((await ask(shop.url, 'GET', '/', { Cookie: `shop_sid=${sid}` })).body).not.toContain('Hello');
  });

  test('sessions do not see each other, also when all shop at once', async () => {
    const shoppers = Array.from({ length: 10 }, (_, index) => new Shopper(`Shopper ${index}`, shop.url));
    const seen = await Promise.all(
      shoppers.map(async (shopper, index) => {
        await shopper.signIn();
        for (let n = 0; n < index; n++) await shopper.add('kelp');
        const things = await shopper.look();
        shopper.leave();
        return [things, shopper.last?.body.includes(`<b>${shopper.name}</b>`)];
      }),
    );
    expect(seen).toEqual(shoppers.map((_, index) => [index, true]));
  });

  test('a session that is not held is said to be lost, and its id is never adopted', async () => {
    const foreign = 'a'.repeat(32);
    const Cookie = `shop_sid=${foreign}`;
    expect((await ask(shop.url, 'GET', '/', { Cookie })).body).toContain('Your cart is not here.');
    expect((await ask(shop.url, 'GET', '/', {})).body).not.toContain('Your cart is not here.');
    const add = await ask(shop.url, 'POST', '/cart/add', { ...formType, Cookie }, 'product=kelp');
    expect(sidOf(add)).not.toBe(foreign);
    const both = `${Cookie}; other=1; shop_sid=${sidOf(add)}`;
    expect((await ask(shop.url, 'GET', '/', { Cookie: both })).body).toContain('data-things="1"');
  });

  test('a name is escaped, one line, at most 40 characters', async () => {
    const names = [
      '<script>alert(1)</script>',
      '"><img src=x onerror=y>',
      "O'Hara & sons",
      `a\r\nb${'x'.repeat(100)}`,
      ' \u202e\0 ',
    ];
    const shown = await Promise.all(
      names.map(async (name) => {
        const sid = sidOf(await ask(shop.url, 'POST', '/sign-in', formType, new URLSearchParams({ name }).toString()));
        const { body } = await ask(shop.url, 'GET', '/', { Cookie: `shop_sid=${sid}` });
        return /Hello, <b>([\s\S]*?)<\/b>/.exec(body)?.[1];
      }),
    );
    expect(shown).toEqual([
      '&lt;script&gt;alert(1)&lt;/script&gt;',
      '&quot;&gt;&lt;img src=x onerror=y&gt;',
      'O&#39;Hara &amp; sons',
      `a b${'x'.repeat(37)}`,
      'nameless friend',
    ]);
  });

  test.each([
    ['another site', { Origin: 'https://evil.example' }],
    ['an opaque origin', { Origin: 'null' }],
    ['another port', { Origin: 'http://127.0.0.1:1' }],
  ])('a form from %s is refused', async (_what, headers) => {
    for (const path of ['/cart/add', '/sign-in', '/kill']) {
      const answer = await ask(shop.url, 'POST', path, { ...formType, ...headers }, 'product=kelp');
      expect([path, answer.status, answer.headers['set-cookie']]).toEqual([path, 403, undefined]);
    }
    const own = await ask(shop.url, 'POST', '/cart/add', { ...formType, Origin: shop.url }, 'product=kelp');
    expect(own.status).toBe(303);
  });

  test.each([
    ['GET', '/kill', {}, '', 404],
    ['GET', '/cart/add', {}, '', 404],
    ['GET', '/../etc/passwd', {}, '', 404],
    ['POST', '/', {}, '', 404],
    ['POST', '/constructor', {}, '', 404],
    ['DELETE', '/', {}, '', 405],
    ['POST', '/sign-in', { 'Content-Type': 'application/json' }, '{}', 415],
    ['POST', '/sign-in', formType, `name=${'x'.repeat(16 * 1024)}`, 413],
  ])('%s %s %o is refused', async (method, path, headers, body, status) => {
    expect((await ask(shop.url, method, path, headers, body)).status).toBe(status);
  });

  test('the page allows no script, style or frame but its own, and is not kept by caches', async () => {
    const { headers, body } = await ask(shop.url, 'GET', '/');
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(headers['cache-control']).toBe('no-store');
    expect(headers['x-served-by']).toBe('gull');
    expect(body).not.toMatch(/ style=|<style|<script>| on\w+=|https?:/);
    expect(body).toContain(`data-pid="${shop.child.pid}"`);
    for (const [, path = ''] of body.matchAll(/(?:href|src)="(\/(?:style|page)[^"]*)"/g)) {
      const asset = await ask(shop.url, 'GET', path);
      expect([path, asset.status, asset.headers['cache-control']]).toEqual([
        path,
        200,
        'public, max-age=31536000, immutable',
      ]);
    }
  });

  test('memory is bounded: the session used least recently makes room', async () => {
    const small = await start(command, '--max-sessions', '2');
    try {
      const enter = async () => sidOf(await ask(small.url, 'POST', '/cart/add', formType, 'product=kelp'));
      const things = async (sid: string) =>
        JSON.parse((await ask(small.url, 'GET', '/status', { Cookie: `shop_sid=${sid}` })).body).things;
      const [first, second] = [await enter(), await enter()];
      expect([await things(first), await things(second)]).toEqual([1, 1]);
      const others = [];
      for (let n = 0; n < 5; n++) others.push(await enter());
      expect(await things(others.at(-1)!)).toBe(1);
      expect(JSON.parse((await ask(small.url, 'GET', '/healthz')).body)).toEqual({ sessions: 2, things: 2 });
    } finally {
      small.child.kill('SIGKILL');
    }
  });

  test('behind Limpet: the server that answers is killed, and the cart is still there', async () => {
    const shops = await Promise.all([start(command), start(command)]);
    const servers = shops.map(({ url }) => ({ name: new URL(url).port, address: new URL(url).host }));
    await using limpet = await startLimpet(runtime, {
      config: { pools: { shop: { servers } }, sessions: {}, identify: true },
    });
    try {
      const ada = new Shopper('Ada', limpet.url);
      await ada.signIn();
      for (const product of ['kelp', 'limpet', 'kelp']) await ada.add(product);
      expect([await ada.look(), ada.last?.epoch, ada.last?.body]).toEqual([
        3,
        1,
        expect.not.stringContaining('Nothing is lost'),
      ]);
      await ada.kill();
      expect(await ada.look()).toBe(3);
      const { epoch, body } = ada.last!;
      expect([epoch, body]).toEqual([2, expect.stringContaining('Nothing is lost')]);
      expect(body).toContain('Hello, <b>Ada</b>');
      await ada.add('net');
      expect([await ada.look(), ada.last?.epoch, ada.last?.body]).toEqual([
        4,
        2,
        expect.not.stringContaining('Nothing is lost'),
      ]);
      expect(ada.visits.filter(({ status }) => status >= 400)).toEqual([]);
      ada.leave();
    } finally {
      for (const { child } of shops) child.kill('SIGKILL');
    }
  });

  test('kill: the answer arrives whole, then the process is gone as by kill -9', async () => {
    const doomed = await start(command);
    const gone = new Promise((resolve) => doomed.child.on('exit', (_code, signal) => resolve(signal)));
    const answer = await ask(doomed.url, 'POST', '/kill', { Origin: doomed.url });
    expect([answer.status, answer.headers.location, answer.headers.connection]).toEqual([303, '/', 'close']);
    expect(await gone).toBe('SIGKILL');
    await expect(ask(doomed.url, 'GET', '/')).rejects.toThrow(/ECONNREFUSED/);
  });
});

test('what is remembered of sessions for the strip is bounded, too', () => {
  const sightings = new Sightings(2);
  for (const id of ['a', 'b', 'a', 'c']) sightings.serve({ id, data: { cart: { kelp: 2 } } } as unknown as Session, id);
  expect([sightings.sessions, sightings.things]).toEqual([2, 4]);
  expect(['a', 'b', 'c'].map((id) => sightings.servedOf({ id } as Session))).toEqual([2, 0, 1]);
});

test('colours appear on a terminal only, and never with NO_COLOR', () => {
  expect(createPaint({ isTTY: true }, {})('red', 'x')).toBe('\x1b[31mx\x1b[0m');
  expect(createPaint({ isTTY: true }, { NO_COLOR: '1' })('red', 'x')).toBe('x');
  expect(createPaint({}, {})('red', 'x')).toBe('x');
});
