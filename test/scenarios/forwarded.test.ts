/** What the server is told about the client, and which of it the client may say itself. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { type AskOptions, ask, configFor, echoOf, valuesIn } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { http1, isHttp2, onlyOver, scheme } from '../support/transport.ts';

const said = {
  host: 'shop.example:80',
  'x-forwarded-for': '203.0.113.9',
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'public.example',
  forwarded: 'for=203.0.113.9;proto=https',
  via: '1.1 edge',
};

describe.each(runtimes)('forwarding headers on %s', (runtime) => {
  async function seen(options: AskOptions, listener: Record<string, unknown> = {}) {
    await using origin = await httpOrigin('a');
    await using limpet = await startLimpet(runtime, { config: configFor([origin], {}, listener) });
    const { headers } = echoOf(await ask(limpet.url, options));
    return (name: string) => valuesIn(headers, name);
  }

  test('from a stranger: ours replace what it said', async () => {
    const values = await seen({ headers: said });
    expect(values('host')).toEqual(['shop.example:80']);
    expect(values('x-forwarded-for')).toEqual(['127.0.0.1']);
    expect(values('x-forwarded-proto')).toEqual([scheme]);
    expect(values('x-forwarded-host')).toEqual(['shop.example:80']);
    const forwarded = values('forwarded').join(', ');
    expect(forwarded).toContain('for=127.0.0.1');
    expect(forwarded).not.toContain('203.0.113.9');
    if (scheme === 'http') expect(forwarded).not.toContain('https');
    // RFC 9110 section 7.6.3: Via is a trace, not a claim; it is always added to.
    expect(values('via').join(', ')).toBe(`1.1 edge, ${isHttp2 ? '2.0' : '1.1'} limpet`);
  });

  test('from a trusted proxy: ours are added to what it said', async () => {
    const values = await seen({ headers: said }, { trustedProxies: ['127.0.0.1'] });
    expect(values('x-forwarded-for').join(', ')).toBe('203.0.113.9, 127.0.0.1');
    expect(values('x-forwarded-proto')).toEqual(['https']);
    expect(values('x-forwarded-host')).toEqual(['public.example']);
    expect(values('forwarded').join(', ')).toMatch(/^for=203\.0\.113\.9;proto=https, ?.*for=127\.0\.0\.1/);
  });

  test('from a trusted proxy that says it several times: the server reads what the balancer believes', async () => {
    const headers = {
      host: 'shop.example',
      'x-forwarded-for': ', 203.0.113.9,, ::ffff:203.0.113.10 ,',
      'x-forwarded-proto': ['http', 'https, '],
      'x-forwarded-host': ['evil.example', 'other.example, public.example'],
      forwarded: 'for="[::ffff:203.0.113.10]";host="a, b"',
    };
    await using origin = await httpOrigin('a');
    const listener = { trustedProxies: ['::ffff:127.0.0.0/104'] };
    await using limpet = await startLimpet(runtime, { config: configFor([origin], {}, listener) });
    const reply = await ask(limpet.url, { headers });
    const values = (name: string) => valuesIn(echoOf(reply).headers, name);
    expect(values('x-forwarded-for')).toEqual(['203.0.113.9, 203.0.113.10, 127.0.0.1']);
    expect(values('x-forwarded-proto')).toEqual(['https']);
    expect(values('x-forwarded-host')).toEqual(['public.example']);
    expect(values('forwarded')).toEqual([
      `for=203.0.113.10;host="a, b", for=127.0.0.1;proto=${scheme};host="shop.example"`,
    ]);
    // The cookie goes by the same word.
    expect(reply.setCookies.join()).toContain('; Secure');
  });

  test('from a trusted proxy that speaks Forwarded only', async () => {
    const forwarded = 'for=6.6.6.6;proto=http, for="[2001:db8::1]:80";proto=https;host="public.example:444"';
    const values = await seen({ headers: { host: 'x', forwarded } }, { trustedProxies: ['127.0.0.1'] });
    expect(values('x-forwarded-for')).toEqual(['6.6.6.6, 2001:db8::1, 127.0.0.1']);
    expect(values('x-forwarded-proto')).toEqual(['https']);
    expect(values('x-forwarded-host')).toEqual(['public.example:444']);
    expect(values('forwarded')).toEqual([`${forwarded}, for=127.0.0.1;proto=${scheme};host="x"`]);
  });

  test('without any: all of them are there', async () => {
    const values = await seen({ headers: { host: 'x' } });
    expect(values('x-forwarded-for')).toEqual(['127.0.0.1']);
    expect(values('x-forwarded-proto')).toEqual([scheme]);
    expect(values('x-forwarded-host')).toEqual(['x']);
    expect(values('via')).toHaveLength(1);
  });

  test('hop-by-hop headers end here, and a client cannot name others away', async () => {
    onlyOver(http1, 'HTTP/2 has no fields of the connection');
    const values = await seen({
      headers: {
        connection: 'close, x-hop, cookie, host, x-forwarded-for, authorization',
        'x-hop': '1',
        'keep-alive': 'timeout=5',
        'proxy-connection': 'keep-alive',
        te: 'gzip',
        cookie: 'a=1',
        'x-end': '2',
        'limpet-session': 'id=1; epoch=9',
        'Limpet-Anything': 'x',
      },
    });
    for (const name of ['x-hop', 'keep-alive', 'proxy-connection', 'limpet-session', 'limpet-anything']) {
      expect([name, values(name)]).toEqual([name, []]);
    }
    expect(values('te')).not.toEqual(['gzip']);
    expect(values('cookie')).toEqual(['a=1']);
    expect(values('host')).toHaveLength(1);
    expect(values('x-forwarded-for')).toEqual(['127.0.0.1']);
    expect(values('x-end')).toEqual(['2']);
  });

  test("a response's hop-by-hop and Limpet headers do not reach the client", async () => {
    await using origin = await httpOrigin('a', (_, response) => {
      response.setHeader('connection', 'keep-alive, x-hop');
      response.setHeader('x-hop', '1').setHeader('x-end', '2').setHeader('proxy-connection', 'close');
      response.end('ok');
    });
    await using limpet = await startLimpet(runtime, { config: configFor([origin]) });
    const { headers } = await ask(limpet.url);
    expect([headers['x-hop'], headers['proxy-connection'], headers['x-end']]).toEqual([undefined, undefined, '2']);
  });
});
