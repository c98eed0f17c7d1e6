/** The balancer's cookie over real TLS: `Secure` and `__Host-` by themselves, and none of it without TLS, by both protocols. */
import { expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, echoOf, parseSetCookie, together, valuesIn } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { CertificateFiles, openSecure, type SecureReply, secureProtocols } from '../support/secure-client.ts';
import { onlyOver } from '../support/transport.ts';

const cookiesOf = ({ headers }: Pick<SecureReply, 'headers'>) => (headers['set-cookie'] ?? []).map(parseSetCookie);

test.each(runtimes)('on %s', { timeout: 30_000 }, async (runtime) => {
  onlyOver('h1', 'it brings its own clients');
  using files = new CertificateFiles();
  await using origins = await together(['a', 'b', 'c'].map((name) => httpOrigin(name)));
  const servers = origins.map(({ name, address }) => ({ name, address }));
  const shop = { servers, balance: 'round-robin', affinity: [{ cookie: { prefix: 'host' } }] };
  const plain = { servers, balance: 'round-robin', affinity: [{ cookie: { name: 'plain' } }] };
  const config = {
    listeners: [{ address: '127.0.0.1:0', tls: files.tlsFor('a.example') }, { address: '127.0.0.1:0' }],
    pools: { shop, plain },
    routes: [
      { match: { path: '/plain' }, pool: 'plain' },
      { match: { path: '/' }, pool: 'shop' },
    ],
  };
  await using limpet = await startLimpet(runtime, { config });
  const insecure = `http://${limpet.addresses[1]}`;
  const homes: { cookie: string; server: string }[] = [];
  for (const protocol of secureProtocols) {
    await using client = await openSecure(protocol, limpet.port, 'a.example', { ca: files.authority.cert });
    const first = await client.ask();
    const [prefixed] = cookiesOf(first);
    expect(prefixed?.name).toBe('__Host-limpet');
    expect(Object.fromEntries(prefixed!.attributes)).toEqual({ path: '/', httponly: '', samesite: 'Lax', secure: '' });
    const [secure] = cookiesOf(await client.ask('/plain'));
    expect([secure?.name, secure?.attributes.has('secure')]).toEqual(['plain', true]);
    homes.push({ cookie: `__Host-limpet=${prefixed!.value}`, server: echoOf(first).server });
  }
  // Each session stays where it is, by whichever protocol the browser comes next time, and the server sees no cookie of ours.
  for (const { cookie, server } of homes)
    for (const protocol of secureProtocols) {
      await using client = await openSecure(protocol, limpet.port, 'a.example', { ca: files.authority.cert });
      for (let i = 0; i < 4; i++) {
        const reply = await client.ask('/', { cookie: `theme=dark; ${cookie}` });
        expect([echoOf(reply).server, cookiesOf(reply)]).toEqual([server, []]);
        expect(valuesIn(echoOf(reply).headers, 'cookie')).toEqual(['theme=dark']);
      }
    }
  // Without TLS: no prefix, no Secure, and the cookie that only TLS may set begins no session.
  const open = await ask(insecure, { headers: { cookie: homes[0]!.cookie } });
  const [unprefixed] = open.setCookies.map(parseSetCookie);
  expect([unprefixed?.name, unprefixed?.attributes.has('secure')]).toEqual(['limpet', false]);
  const [insecurePlain] = (await ask(`${insecure}/plain`)).setCookies.map(parseSetCookie);
  expect([insecurePlain?.name, insecurePlain?.attributes.has('secure')]).toEqual(['plain', false]);
});
