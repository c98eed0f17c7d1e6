/** A listener with `redirect: https`: everybody is sent to TLS, but for the routes that name it, and for clients of a proxy that has TLS. */
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, echoOf, together } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

test.each(runtimes)('a redirect to https on %s', async (runtime) => {
  await using origins = await together(['shop', 'acme'].map((name) => httpOrigin(name)));
  const [shop, acme] = origins.map(({ name, address }) => ({ servers: [{ name, address }], affinity: 'source-ip' }));
  const listener = '127.0.0.1:0';
  const config = {
    listeners: [{ address: listener, redirect: 'https:8443', trustedProxies: ['127.0.0.1'], hsts: '1y' }],
    pools: { shop, acme },
    routes: [
      { match: { path: '/' }, pool: 'shop' },
      { match: { path: '/.well-known/acme-challenge', listeners: [listener] }, pool: 'acme' },
    ],
    log: { access: 'json' },
  };
  await using limpet = await startLimpet(runtime, { config });
  const host = { host: 'shop.example:8080' };

  const get = await ask(`${limpet.url}/cart?a=b`, { headers: host });
  expect([get.status, get.headers.location, get.body]).toEqual([301, 'https://shop.example:8443/cart?a=b', '']);
  expect(get.headers['strict-transport-security']).toBeUndefined();
  expect((await ask(`${limpet.url}/cart`, { method: 'HEAD', headers: host })).status).toBe(301);
  // 301 would let the client follow with GET, and without the body.
  const post = await ask(`${limpet.url}/cart`, { method: 'POST', headers: host, body: 'x'.repeat(100_000) });
  expect([post.status, post.headers.location]).toEqual([308, 'https://shop.example:8443/cart']);
  const bad = await ask(`${limpet.url}/`, { headers: { host: 'a%2fb' } });
  expect([bad.status, bad.headers['limpet-reason'], bad.headers.location]).toEqual([400, 'bad-host', undefined]);

  const challenge = await ask(`${limpet.url}/.well-known/acme-challenge/token`, { headers: host });
  expect([challenge.status, echoOf(challenge).server]).toEqual([200, 'acme']);
  const secure = await ask(`${limpet.url}/cart`, { headers: { ...host, 'x-forwarded-proto': 'https' } });
  expect([secure.status, echoOf(secure).server]).toEqual([200, 'shop']);
  // The listener itself has no TLS: RFC 6797 section 7.2.
  expect(secure.headers['strict-transport-security']).toBeUndefined();

  // The connection goes on after a redirect.
  const answers = await new Promise<string>((resolve, reject) => {
    let text = '';
    const socket = connect(limpet.port, '127.0.0.1', () => socket.write('GET /1 HTTP/1.1\r\nHost: a\r\n\r\n'));
    socket
      .setEncoding('latin1')
      .on('error', reject)
      .on('close', () => resolve(text));
    socket.on('data', (piece: string) => {
      text += piece;
      if (!text.includes('/2') && text.endsWith('\r\n\r\n'))
        socket.write('GET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    });
  });
  expect(answers.match(/^(?:HTTP|Location|Connection|Content-Length|Date).*$/gm)?.map((line) => line.trim())).toEqual([
    'HTTP/1.1 301 Moved Permanently',
    'Location: https://a:8443/1',
    'Content-Length: 0',
    expect.stringMatching(/^Date: /),
    'HTTP/1.1 301 Moved Permanently',
    'Location: https://a:8443/2',
    'Content-Length: 0',
    expect.stringMatching(/^Date: /),
    'Connection: close',
  ]);

  expect((await limpet.counters()).responses_3xx).toBe(5);
  await limpet.stop();
  const logged = limpet
    .stdout()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(logged.find(({ target }) => target === '/cart?a=b')).toMatchObject({ status: 301, pool: null, fault: null });
});
