/** Strict-Transport-Security over TLS: on every response, in place of what the server says; and the redirect that leads there. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, echoOf, together } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { CertificateFiles, openSecure, secureProtocols } from '../support/secure-client.ts';
import { onlyOver } from '../support/transport.ts';

const hsts = { maxAge: '1y', includeSubdomains: true };
const line = 'max-age=31536000; includeSubDomains';
const header = 'strict-transport-security';

describe.each(runtimes)('on %s', (runtime) => {
  onlyOver('h1', 'it brings its own clients');

  test('HSTS, over TLS only', { timeout: 30_000 }, async () => {
    using files = new CertificateFiles();
    await using shop = await httpOrigin('shop', (request, response) => {
      response.setHeader('Strict-Transport-Security', 'max-age=1');
      response.writeHead(request.url === '/gone' ? 404 : 200).end('shop');
    });
    const away = { name: 'away', address: '127.0.0.1:1' };
    const tls = files.tlsFor('a.example');
    const config = {
      listeners: [
        { address: '127.0.0.1:0', tls, hsts },
        { address: '127.0.0.1:0', hsts },
      ],
      pools: {
        shop: { servers: [{ name: 'shop', address: shop.address }] },
        away: { servers: [away], affinity: 'none' },
      },
      routes: [
        { match: { path: '/away' }, pool: 'away' },
        { match: { path: '/' }, pool: 'shop' },
      ],
    };
    await using limpet = await startLimpet(runtime, { config });
    const plainUrl = `http://${limpet.addresses[1]}`;
    const options = { ca: files.authority.cert };
    for (const protocol of secureProtocols) {
      await using client = await openSecure(protocol, limpet.port, 'a.example', options);
      const told = async (path: string, headers = {}, method = 'GET') => {
        const reply = await client.ask(path, headers, method);
        return [reply.status, reply.headers[header]];
      };
      expect(await told('/')).toEqual([200, line]);
      expect(await told('/', {}, 'HEAD')).toEqual([200, line]);
      expect(await told('/gone')).toEqual([404, line]);
      // No server: the answer is the balancer's own.
      expect(await told('/away')).toEqual([503, line]);
      expect(await told(`/${'x'.repeat(9000)}`)).toEqual([414, line]);
    }
    const plain = await ask(plainUrl);
    expect([plain.status, plain.headers[header]]).toEqual([200, 'max-age=1']);
    const refused = await ask(`${plainUrl}/away`);
    expect([refused.status, refused.headers[header]]).toEqual([503, undefined]);

    // Without `hsts` the server's stays.
    await limpet.reload({ ...config, listeners: [{ address: '127.0.0.1:0', tls }, { address: '127.0.0.1:0' }] });
    for (const protocol of secureProtocols) {
      await using client = await openSecure(protocol, limpet.port, 'a.example', options);
      const [own, balancers] = [await client.ask(), await client.ask('/away')];
      expect([own.headers[header], balancers.status, balancers.headers[header]]).toEqual(['max-age=1', 503, undefined]);
    }
  });

  test('a redirect to the port of the listener with TLS, but for what is routed here', {
    timeout: 30_000,
  }, async () => {
    using files = new CertificateFiles();
    await using origins = await together(['shop', 'acme'].map((name) => httpOrigin(name)));
    const [shop, acme] = origins.map(({ name, address }) => ({ servers: [{ name, address }], affinity: 'none' }));
    const [secure, open] = ['127.0.0.1:0', 'localhost:0'];
    const config = {
      listeners: [
        { address: secure, tls: files.tlsFor('a.example') },
        { address: open, redirect: 'https' },
      ],
      pools: { shop, acme },
      routes: [
        { match: { path: '/.well-known/acme-challenge', listeners: [open] }, pool: 'acme' },
        { match: { path: '/' }, pool: 'shop' },
      ],
    };
    await using limpet = await startLimpet(runtime, { config });
    const [to, from] = limpet.addresses.map((address) => Number(address.split(':').at(-1)));
    const host = { host: `a.example:${from}` };
    const sent = await ask(`http://localhost:${from}/cart?a=b`, { headers: host });
    expect([sent.status, sent.headers.location]).toEqual([301, `https://a.example:${to}/cart?a=b`]);
    const challenge = await ask(`http://localhost:${from}/.well-known/acme-challenge/x`, { headers: host });
    expect([challenge.status, echoOf(challenge).server]).toEqual([200, 'acme']);
    for (const protocol of secureProtocols) {
      const url = new URL(sent.headers.location!);
      await using client = await openSecure(protocol, Number(url.port), url.hostname, { ca: files.authority.cert });
      expect(echoOf(await client.ask(url.pathname + url.search))).toMatchObject({ server: 'shop', url: '/cart?a=b' });
      expect(echoOf(await client.ask('/.well-known/acme-challenge/x')).server).toBe('shop');
    }
  });
});
