import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readRequest, requestWith, textOf } from '../../test/support/heads.ts';
import {
  clientAddress,
  ForwardedLines,
  headerSays,
  isForwardedSecure,
  maxHops,
  writeForwardedFor,
} from './forwarded.ts';
import type { RequestHead } from './head.ts';
import { Name } from './names.ts';
import { HeadWriter } from './writer.ts';

const trusted = (address: string) => address === '' || address.startsWith('10.') || address === '::1';

describe('the client behind trusted proxies', () => {
  test.each([
    ['', '10.0.0.1'],
    ['1.2.3.4', '1.2.3.4'],
    ['6.6.6.6, 1.2.3.4', '1.2.3.4'],
    ['6.6.6.6, 1.2.3.4, 10.0.0.9', '1.2.3.4'],
    ['6.6.6.6, 1.2.3.4,10.0.0.9 , ::1', '1.2.3.4'],
    ['10.0.0.7, 10.0.0.8', '10.0.0.7'],
    ['1.2.3.4:5678', '1.2.3.4'],
    ['2001:db8::1', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['6.6.6.6, garbage, 10.0.0.9', '10.0.0.9'],
    ['6.6.6.6, , 10.0.0.9', '6.6.6.6'],
    [', 1.2.3.4,, ', '1.2.3.4'],
    [',', '10.0.0.1'],
    [' , ,', '10.0.0.1'],
    ['6.6.6.6,\t,1.2.3.4 ,10.0.0.9,', '1.2.3.4'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['::FFFF:102:304', '1.2.3.4'],
    ['[::ffff:1.2.3.4]:80', '1.2.3.4'],
    ['1.2.3.4, ::ffff:10.0.0.9', '1.2.3.4'],
    ['6.6.6.6, garbage', '10.0.0.1'],
    ['1.2.3.4,', '1.2.3.4'],
    ['unknown', '10.0.0.1'],
    ['1.2.3', '10.0.0.1'],
    ['1.2.3.4:', '10.0.0.1'],
    ['"1.2.3.4"', '10.0.0.1'],
    ['[1.2.3.4', '10.0.0.1'],
    ['01.2.3.4', '10.0.0.1'],
    ['fe80::1%eth0', 'fe80::1%eth0'],
    [`fe80::1%${'x'.repeat(100)}`, '10.0.0.1'],
  ])('X-Forwarded-For: %s', (value, client) => {
    const head = value === '' ? requestWith() : requestWith(`X-Forwarded-For: ${value}`);
    expect(clientAddress(head, '10.0.0.1', trusted)).toBe(client);
  });

  test.each([
    [['Forwarded: for=1.2.3.4'], '1.2.3.4'],
    [['Forwarded: for=6.6.6.6, for=1.2.3.4, for=10.0.0.9;proto=http'], '1.2.3.4'],
    [['Forwarded: for="[2001:db8::1]:4711"'], '2001:db8::1'],
    [['Forwarded: for="[::ffff:1.2.3.4]"'], '1.2.3.4'],
    [['Forwarded: for="1.2.3.4:80";host="x, for=6.6.6.6"'], '1.2.3.4'],
    [['Forwarded: for=6.6.6.6, for=_hidden, for=10.0.0.9'], '10.0.0.9'],
    [['Forwarded: for=6.6.6.6, proto=https'], '10.0.0.1'],
    [['Forwarded: for="6.6.6.6'], '10.0.0.1'],
    [['Forwarded: for="x', 'Forwarded: for=1.2.3.4'], '1.2.3.4'],
    [['Forwarded: for=6.6.6.6;for=1.2.3.4'], '10.0.0.1'],
    [['Forwarded: for=1.2.3.4;for=6.6.6.6;for=1.2.3.4'], '10.0.0.1'],
    [['Forwarded: for=1.2.3.4;FOR = "1.2.3.4"'], '1.2.3.4'],
    [['Forwarded: for="1.2.3.4\\";for=1.2.3.4'], '10.0.0.1'],
    [[`Forwarded: for=1.2.3.4${' ; ,'.repeat(100)}`], '1.2.3.4'],
    [['Forwarded: for=6.6.6.6, x', 'Forwarded: for=1.2.3.4, for="10.0.0.9"'], '1.2.3.4'],
    [['Forwarded: for=1.2.3.4, for=10.0.0.9', 'Forwarded: for=10.0.0.8;x'], '1.2.3.4'],
    [['X-Forwarded-For: 1.2.3.4', 'Forwarded: for=6.6.6.6'], '1.2.3.4'],
    [['X-Forwarded-For: ,', 'Forwarded: for=1.2.3.4'], '1.2.3.4'],
  ])('%j', (lines, client) => {
    const head = requestWith(...lines);
    expect(clientAddress(head, '10.0.0.1', trusted)).toBe(client);
    // What the server is told leads it to the same client.
    const line = written((out) => writeForwardedFor(head, '10.0.0.1', false, '1.1', out))[1]!;
    expect(clientAddress(requestWith(line), '10.0.0.2', trusted)).toBe(client);
  });

  test('several lines are one list', () => {
    const head = requestWith(
      'X-Forwarded-For: 6.6.6.6',
      'A: b',
      'X-Forwarded-For: 1.2.3.4',
      'x-forwarded-for: 10.0.0.9',
    );
    expect(clientAddress(head, '', trusted)).toBe('1.2.3.4');
  });
});

test('no more hops are followed than there may be', () => {
  const list = (hops: number) => `X-Forwarded-For: 6.6.6.6, 10.1.0.1, ${Array(hops).fill('10.0.0.9').join(', ')}`;
  expect(clientAddress(requestWith(list(maxHops - 2)), '10.0.0.1', trusted)).toBe('6.6.6.6');
  expect(clientAddress(requestWith(list(maxHops - 1)), '10.0.0.1', trusted)).toBe('10.1.0.1');
  let asked = 0;
  const counting = (address: string) => ++asked > 0 && trusted(address);
  expect(clientAddress(requestWith(list(2000)), '10.0.0.1', counting)).toBe('10.0.0.9');
  expect(asked).toBe(maxHops);
});

test.each([
  [['X-Forwarded-Proto: https'], true],
  [['X-Forwarded-Proto: HTTPS'], true],
  [['X-Forwarded-Proto: http'], false],
  [['X-Forwarded-Proto: https, http'], false],
  [['X-Forwarded-Proto: http, https'], true],
  [['X-Forwarded-Proto: https', 'X-Forwarded-Proto: http'], false],
  [['X-Forwarded-Proto: http', 'Forwarded: proto=https'], false],
  [['Forwarded: for=1.2.3.4;proto=https'], true],
  [['Forwarded: PROTO="https";for=x'], true],
  [['Forwarded: proto=http, proto=https'], true],
  [['Forwarded: proto=https, proto=http'], false],
  [['Forwarded: proto=https, for=x'], false],
  [['Forwarded: xproto=https'], false],
  [['Forwarded: proto=httpsx'], false],
  [['X: y'], false],
  [['X-Forwarded-Proto: http, https, ,'], true],
  [['X-Forwarded-Proto: https', 'X-Forwarded-Proto:'], true],
  [['X-Forwarded-Proto: ,', 'Forwarded: proto=https'], true],
  [['X-Forwarded-Proto: wss'], true],
  [['Forwarded: for=x; proto=https'], true],
  [['Forwarded: proto=https;host="a, b;proto=http"'], true],
  [['Forwarded: host="a, proto=https"'], false],
  [['Forwarded: host="a\\", proto=https"'], false],
  [['Forwarded: proto=http', 'Forwarded: for=x;proto=https'], true],
  [['Forwarded: proto=https', 'Forwarded: for=x;proto=http'], false],
  [['Forwarded: proto=http, proto=https,'], true],
  [['Forwarded: proto="ht\\tps"'], true],
  [['Forwarded: proto=http;proto=https'], false],
  [['Forwarded: host="a, proto=https'], false],
])('%j says TLS: %s, and the server is told the same', (lines, secure) => {
  const head = requestWith(...lines);
  expect(isForwardedSecure(head, false)).toBe(secure);
  const told = written((out) => writeForwardedFor(head, '10.0.0.1', false, '1.1', out));
  const proto = told.filter((line) => line.startsWith('X-Forwarded-Proto: '));
  expect(proto).toHaveLength(1);
  expect(isForwardedSecure(requestWith(...proto), false)).toBe(secure);
});

// Else the cookie of a client without TLS has an attribute with which its browser does not keep it.
test.each([
  [['X-Forwarded-Proto: http'], false],
  [['X-Forwarded-Proto: https, http'], false],
  [['Forwarded: proto=http'], false],
  [['X-Forwarded-Proto: https'], true],
  [['X-Forwarded-Proto: ,'], true],
  [['Forwarded: for=1.2.3.4'], true],
  [[], true],
])(
  'a peer that itself speaks TLS says %j: the client does so too: %s, and the server is told the same',
  (lines, secure) => {
    expect(isForwardedSecure(requestWith(...lines), true)).toBe(secure);
    const told = written((out) => writeForwardedFor(requestWith(...lines), '10.0.0.1', true, '1.1', out));
    expect(told).toContain(`X-Forwarded-Proto: ${secure ? 'https' : 'http'}`);
  },
);

test.each([
  [['X-Forwarded-Host: site'], 'site'],
  [['X-Forwarded-Host: evil, site'], 'site'],
  [['X-Forwarded-Host: evil', 'X-Forwarded-Host: site, '], 'site'],
  [['X-Forwarded-Host: site', 'Forwarded: host=other'], 'site'],
  [['Forwarded: host=evil, for=x;host="site:80"'], 'site:80'],
  [['Forwarded: host=evil', 'Forwarded: for=x;host=site'], 'site'],
  [['Forwarded: host="a\\"b"'], 'a"b'],
  [['Forwarded: host=evil, for=x'], 'a'],
  [['X-Forwarded-Host: ,'], 'a'],
])('%j: the host is %s, in one line', (lines, host) => {
  const told = written((out) => writeForwardedFor(requestWith(...lines), '10.0.0.1', false, '1.1', out));
  expect(told.filter((line) => line.startsWith('X-Forwarded-Host'))).toEqual([`X-Forwarded-Host: ${host}`]);
});

test.each([
  [['X-Forwarded-For: , 1.2.3.4,, '], '1.2.3.4, 10.0.0.1', 'for=10.0.0.1'],
  [['X-Forwarded-For:', 'X-Forwarded-For: 1.2.3.4'], '1.2.3.4, 10.0.0.1', 'for=10.0.0.1'],
  [['X-Forwarded-For: ::ffff:1.2.3.4, [::ffff:5.6.7.8]:80, x'], '1.2.3.4, 5.6.7.8, x, 10.0.0.1', 'for=10.0.0.1'],
  [['X-Forwarded-For: 2001:db8::ffff:1'], '2001:db8::ffff:1, 10.0.0.1', 'for=10.0.0.1'],
  [
    ['Forwarded: for="[::ffff:1.2.3.4]", for="[::ffff:102:305]:80", for="[::1]"'],
    '1.2.3.4, 1.2.3.5, ::1, 10.0.0.1',
    'for=1.2.3.4, for="1.2.3.5:80", for="[::1]", for=10.0.0.1',
  ],
  // A quote without an end would take in what stands behind it.
  [['Forwarded: for="x', 'Forwarded: for=1.2.3.4'], '1.2.3.4, 10.0.0.1', 'for=1.2.3.4, for=10.0.0.1'],
  [['Forwarded: , '], '10.0.0.1', 'for=10.0.0.1'],
])('%j is passed on as it is read', (lines, hops, forwarded) => {
  const told = written((out) => writeForwardedFor(requestWith(...lines), '10.0.0.1', false, '1.1', out));
  expect(told).toContain(`X-Forwarded-For: ${hops}`);
  expect(told).toContain(`Forwarded: ${forwarded};proto=http;host="a"`);
});

function written(write: (out: HeadWriter) => void): string[] {
  const out = new HeadWriter(16);
  write(out);
  const text = textOf(out);
  expect(text.endsWith('\r\n')).toBe(true);
  return text.slice(0, -2).split('\r\n');
}

/** The same for each request of a connection. */
const plain = (head: RequestHead, address: string, secure = false) => {
  const lines = new ForwardedLines(address, secure, '1.1');
  const [first, ...others] = Array.from({ length: 4 }, () => written((out) => lines.write(head, out)));
  for (const other of others) expect(other).toEqual(first);
  return first;
};

test('the host is that of the request, in whatever order hosts come', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'b', 'ab', 'b.example:8080', ''), { maxLength: 12 }), (hosts) => {
      const lines = new ForwardedLines('1.2.3.4', false, '1.1');
      for (const host of hosts) {
        const head =
          host === '' ? readRequest('GET / HTTP/1.0\r\n\r\n') : readRequest(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
        const told = written((out) => lines.write(head, out));
        expect(told[3]).toBe(`Forwarded: for=1.2.3.4;proto=http${host === '' ? '' : `;host="${host}"`}`);
        expect(told.slice(4)).toEqual(host === '' ? [] : [`X-Forwarded-Host: ${host}`]);
      }
    }),
  );
});

describe('what the server is told', () => {
  test('of a client that is not trusted: nothing that it said itself', () => {
    const head = requestWith('X-Forwarded-For: 6.6.6.6', 'Forwarded: for=6.6.6.6', 'X-Forwarded-Proto: https');
    expect(plain(head, '1.2.3.4')).toEqual([
      'Via: 1.1 limpet',
      'X-Forwarded-For: 1.2.3.4',
      'X-Forwarded-Proto: http',
      'Forwarded: for=1.2.3.4;proto=http;host="a"',
      'X-Forwarded-Host: a',
    ]);
  });

  test('IPv6 is quoted in Forwarded (RFC 7239 section 6)', () => {
    const lines = plain(requestWith(), '2001:db8::1', true);
    expect(lines).toContain('X-Forwarded-For: 2001:db8::1');
    expect(lines).toContain('Forwarded: for="[2001:db8::1]";proto=https;host="a"');
  });

  test('a client without address, a request without host', () => {
    expect(plain(readRequest('GET / HTTP/1.0\r\n\r\n'), '')).toEqual([
      'Via: 1.0 limpet',
      'X-Forwarded-Proto: http',
      'Forwarded: for=unknown;proto=http',
    ]);
  });

  test('the authority of an absolute target counts, not Host', () => {
    const lines = plain(readRequest('GET http://real:80/ HTTP/1.1\r\nHost: other\r\n\r\n'), '1.2.3.4');
    expect(lines).toContain('X-Forwarded-Host: real:80');
    expect(lines).toContain('Forwarded: for=1.2.3.4;proto=http;host="real:80"');
  });

  test('of a trusted proxy: what it said, and its own address', () => {
    const head = requestWith(
      'X-Forwarded-For: 1.2.3.4',
      'X-Forwarded-For: 10.0.0.9',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Host: site',
      'Forwarded: for=1.2.3.4',
    );
    expect(written((out) => writeForwardedFor(head, '10.0.0.1', false, '1.1', out))).toEqual([
      'Via: 1.1 limpet',
      'X-Forwarded-For: 1.2.3.4, 10.0.0.9, 10.0.0.1',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Host: site',
      'Forwarded: for=1.2.3.4, for=10.0.0.1;proto=http;host="a"',
    ]);
  });

  test('of a trusted proxy that says nothing, and of one on a unix-domain socket', () => {
    expect(written((out) => writeForwardedFor(requestWith(), '10.0.0.1', true, '1.1', out))).toEqual([
      'Via: 1.1 limpet',
      'X-Forwarded-For: 10.0.0.1',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Host: a',
      'Forwarded: for=10.0.0.1;proto=https;host="a"',
    ]);
    const head = requestWith('X-Forwarded-For: 1.2.3.4');
    const lines = written((out) => writeForwardedFor(head, '', false, '1.1', out));
    expect(lines).toContain('X-Forwarded-For: 1.2.3.4');
    expect(lines).toContain('Forwarded: for=unknown;proto=http;host="a"');
    expect(written((out) => writeForwardedFor(requestWith(), '', false, '1.1', out)).join()).not.toContain(
      'X-Forwarded-For',
    );
  });
});

test('headerSays compares the whole value, without case', () => {
  const { headers } = requestWith('Upgrade: WebSocket');
  expect(headerSays(headers, Name.upgrade, 'websocket')).toBe(true);
  expect(headerSays(headers, Name.upgrade, 'websocke')).toBe(false);
  expect(headerSays(headers, Name.te, 'websocket')).toBe(false);
});
