/** Every attribute of the cookie, as configured and as the way to the client demands. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, parseSetCookie } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { scheme } from '../support/transport.ts';

interface Case {
  readonly name: string;
  readonly cookie: Record<string, unknown>;
  readonly https?: boolean;
  /** Name of the cookie and all its attributes, in lower case. */
  readonly expected: Record<string, unknown>;
}

const usual = { path: '/', httponly: '', samesite: 'Lax' };

const cases: Case[] = [
  { name: 'defaults', cookie: {}, expected: usual },
  { name: 'secure because a trusted proxy says https', cookie: {}, https: true, expected: { ...usual, secure: '' } },
  { name: 'secure: always', cookie: { secure: 'always' }, expected: { ...usual, secure: '' } },
  { name: 'secure: never', cookie: { secure: 'never' }, https: true, expected: usual },
  { name: 'sameSite', cookie: { sameSite: 'Strict' }, expected: { ...usual, samesite: 'Strict' } },
  {
    name: 'for other sites, in a partition of each',
    cookie: { sameSite: 'None', partitioned: true, secure: 'always' },
    expected: { ...usual, samesite: 'None', partitioned: '', secure: '' },
  },
  {
    name: 'domain and path',
    cookie: { domain: 'example.org', path: '/shop' },
    expected: { ...usual, domain: 'example.org', path: '/shop' },
  },
  { name: 'readable by scripts', cookie: { httpOnly: false }, expected: { path: '/', samesite: 'Lax' } },
  {
    name: 'permanent',
    cookie: { lifetime: 'permanent', absolute: '2h' },
    // What is left of two hours since the session began: a second may have passed before the answer.
    expected: {
      ...usual,
      'max-age': expect.stringMatching(/^(7200|71[5-9]\d)$/),
      expires: expect.stringMatching(/ GMT$/),
    },
  },
  {
    name: '__Host- name',
    cookie: { name: '__Host-limpet', secure: 'always' },
    expected: { ...usual, secure: '' },
  },
];

describe.each(runtimes)('cookie attributes on %s', (runtime) => {
  const started = new AsyncDisposableStack();
  let limpet: Limpet;

  beforeAll(async () => {
    const { name, address } = started.use(await httpOrigin('a'));
    const pools = Object.fromEntries(
      cases.map(({ cookie }, i) => [
        `p${i}`,
        { servers: [{ name, address }], affinity: [{ cookie: { name: `limpet-p${i}`, ...cookie } }] },
      ]),
    );
    const config = {
      listeners: [{ address: '127.0.0.1:0', trustedProxies: ['127.0.0.1/32'] }],
      pools,
      routes: cases.map((_, i) => ({ match: { path: `/${i}` }, pool: `p${i}` })),
    };
    limpet = started.use(await startLimpet(runtime, { config }));
  });
  afterAll(() => started.disposeAsync());

  test.each(cases.map((one, i) => ({ ...one, i })))('$name', async ({ i, cookie, https, expected }) => {
    const headers = https === true ? { 'x-forwarded-proto': 'https' } : {};
    const reply = await ask(`${limpet.url}/${i}`, { headers });
    expect(reply.setCookies).toHaveLength(1);
    const { name, attributes } = parseSetCookie(reply.setCookies[0]!);
    expect(name).toBe(cookie.name ?? `limpet-p${i}`);
    const isSecure = scheme === 'https' && cookie.secure !== 'never';
    expect(Object.fromEntries(attributes)).toEqual(isSecure ? { ...expected, secure: '' } : expected);
  });

  test('a client that is no trusted proxy cannot make it secure', async () => {
    const reply = await ask(`${limpet.url}/0`, {
      localAddress: '127.0.0.2',
      headers: { 'x-forwarded-proto': 'https' },
    });
    expect(parseSetCookie(reply.setCookies[0]!).attributes.has('secure')).toBe(scheme === 'https');
  });
});
