import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { newKey, pemOf, TestAuthority } from '../../test/support/certificates.ts';
import type { Config } from '../config/config.ts';
import { readConfig } from '../config/read.ts';
import { altNamesOf } from '../net/client-certificate.ts';
import { fieldOf } from './flaw.ts';
import { loadCertificates } from './load.ts';
import { hostNamesOf } from './names.ts';

const authority = new TestAuthority();
const other = new TestAuthority('Other Authority');
const a = authority.issue(['a.example', '*.b.example', '127.0.0.1']);
const rsa = authority.issue(['a.example'], { kind: 'rsa' });
const client = authority.issue([], { subject: 'limpet', use: 'client' });
const day = 86_400_000;

type Listener = Config['listeners'][number];
type Pool = Config['pools'][string];

/** Writes the files and loads a config of this listener and pool. Flaws as `E: field: text`. */
function stage(files: Record<string, string>, listener: Omit<Listener, 'address'>, pool: Partial<Pool> = {}, now = 0) {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-certificates-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });
  const config = { listeners: [{ address: ':1', ...listener }], pools: { p: { servers: ['3001'], ...pool } } };
  const { options } = readConfig(config, { source: { name: '', locate: () => null }, env: {}, variables: false });
  const load = () => {
    const source = { folder, nowMs: Date.now() + now, canStaple: true, auto: null, ticketKeys: null };
    const { flaws, ...rest } = loadCertificates(options, source);
    const found = flaws.map(({ level, path, text }) => `${level === 'error' ? 'E' : 'W'}: ${fieldOf(path)}: ${text}`);
    return { ...rest, found };
  };
  return { folder, load };
}

const pairOf = (...names: string[]): Omit<Listener, 'address'> => ({
  tls: { certificates: names.map((name) => ({ cert: `${name}.crt`, key: `${name}.key` })) },
});
const files = (named: Record<string, { readonly cert: string; readonly key: string }>) =>
  Object.fromEntries(
    Object.entries(named).flatMap(([name, { cert, key }]) => [
      [`${name}.crt`, cert],
      [`${name}.key`, key],
    ]),
  );
const first = 'listeners[0].tls.certificates[0]';
const second = 'listeners[0].tls.certificates[1]';

describe('what is right', () => {
  test('a certificate with its chain', () => {
    const { load, folder } = stage({ 'a.crt': `some text\n${a.cert}\n${authority.cert}`, 'a.key': a.key }, pairOf('a'));
    const { found, material, certificates, files: read } = load();
    expect(found).toEqual([]);
    expect(material).toEqual({
      listeners: [
        {
          identities: [
            {
              names: ['a.example', '*.b.example', '127.0.0.1'],
              pairs: [{ cert: a.cert + authority.cert, key: a.key, staple: null }],
            },
          ],
          protocols: ['h2', 'http/1.1'],
          minVersion: 'TLSv1.2',
          ciphers: '',
          clients: null,
          ticketKeys: null,
        },
      ],
      pools: new Map(),
    });
    const x509 = new X509Certificate(a.cert);
    expect(certificates).toEqual([
      {
        field: first,
        file: 'a.crt',
        names: ['a.example', '*.b.example', '127.0.0.1'],
        fingerprint: x509.fingerprint256.replaceAll(':', '').toLowerCase(),
        notAfterMs: Date.parse(x509.validTo),
      },
    ]);
    expect(read).toEqual([join(folder, 'a.crt'), join(folder, 'a.key')]);
  });

  test('certificate and key in one file', () => {
    const tls = { certificates: [{ cert: 'a.pem', key: 'a.pem' }] };
    const { found, material } = stage({ 'a.pem': a.key + a.cert }, { tls }).load();
    expect([found, material.listeners[0]?.identities[0]?.pairs[0]?.cert]).toEqual([[], a.cert]);
  });

  test('ECDSA and RSA side by side, where both have the name', () => {
    const { found, material } = stage(files({ a, rsa }), pairOf('rsa', 'a')).load();
    expect(found).toEqual([]);
    const identities = material.listeners[0]?.identities ?? [];
    expect(
      identities.map(({ names, pairs }) => [names, pairs.map(({ key }) => (key === a.key ? 'ec' : 'rsa'))]),
    ).toEqual([
      [['a.example'], ['rsa', 'ec']],
      [['*.b.example', '127.0.0.1'], ['ec']],
    ]);
  });

  test('clients and servers', () => {
    const bundle = authority.cert + other.cert;
    const tls = { certificates: [{ cert: 'a.crt', key: 'a.key' }], clientCertificates: { ca: 'clients.pem' } };
    const pool = { protocol: 'h2', tls: { sni: 'api.internal', ca: 'ca.pem', cert: 'c.crt', key: 'c.key' } } as const;
    const all = { ...files({ a, c: client }), 'clients.pem': bundle, 'ca.pem': authority.cert };
    const { found, material, certificates } = stage(all, { tls }, pool).load();
    expect(found).toEqual([]);
    expect(material.listeners[0]?.clients).toEqual({ ca: bundle, require: true });
    expect(material.pools.get('p')).toEqual({
      sni: 'api.internal',
      ca: authority.cert,
      pair: { cert: client.cert, key: client.key, staple: null },
      verify: true,
      protocols: ['h2'],
      minVersion: 'TLSv1.2',
    });
    expect(certificates.map(({ field }) => field)).toEqual([first, 'pools.p.tls']);
  });
});

describe('refused, with field, file, what was found and what is expected', () => {
  const key = newKey('rsa', 1024);
  const weak = authority.issue(['a.example'], { privateKey: key });
  test.each<[string, Record<string, string>, string]>([
    ['no file', {}, `E: ${first}.cert: cannot read a.crt: there is no such file`],
    ['an empty file', { 'a.crt': '' }, `E: ${first}.cert: found an empty file in a.crt, expected a certificate in PEM`],
    ['no PEM', { 'a.crt': 'hello' }, `E: ${first}.cert: found no PEM in a.crt, expected a certificate in PEM`],
    [
      'PEM that is cut',
      { 'a.crt': a.cert.slice(0, -30) },
      `E: ${first}.cert: found PEM that has no end in a.crt, expected a certificate in PEM`,
    ],
    [
      'a key in its place',
      { 'a.crt': a.key },
      `E: ${first}.cert: found only PRIVATE KEY in a.crt, expected a certificate in PEM; are cert and key the wrong way round?`,
    ],
    [
      'damage',
      { 'a.crt': a.cert.replace(/\n[^-\n]{20}/, '\nAAAAAAAAAAAAAAAAAAAA') },
      `E: ${first}.cert: certificate 1 of a.crt cannot be read: it is damaged`,
    ],
    [
      'a certificate in place of the key',
      { 'a.key': a.cert },
      `E: ${first}.key: found only CERTIFICATE in a.key, expected a private key in PEM; are cert and key the wrong way round?`,
    ],
    [
      'an encrypted key',
      { 'a.key': pemOf(a.privateKey, 'secret') },
      `E: ${first}.key: a.key is encrypted, expected a key without a passphrase: openssl pkey -in a.key -out a.key.plain`,
    ],
    [
      'an encrypted key, as it used to be',
      {
        'a.key': a.privateKey
          .export({ type: 'sec1', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'x' })
          .toString(),
      },
      `E: ${first}.key: a.key is encrypted, expected a key without a passphrase: openssl pkey -in a.key -out a.key.plain`,
    ],
    [
      'a damaged key',
      { 'a.key': a.key.replace(/\n.{20}/, '\nAAAAAAAAAAAAAAAAAAAA') },
      `E: ${first}.key: the private key in a.key cannot be read: it is damaged, or of an unknown kind`,
    ],
    [
      'another key',
      { 'a.key': rsa.key },
      `E: ${first}.key: the key a.key does not fit the certificate a.crt (CN=a.example): expected the key with which it was requested`,
    ],
    [
      'the authority before the certificate',
      { 'a.crt': authority.cert + a.cert },
      `E: ${first}.cert: the key a.key is that of certificate 2 of a.crt, not of the first one (CN=Test Authority): expected the certificate itself before those of the authorities`,
    ],
    [
      'a chain of others',
      { 'a.crt': a.cert + other.cert },
      `E: ${first}.cert: certificate 2 of a.crt (CN=Other Authority) has not signed the one before it (CN=a.example): expected the certificate itself, then each authority behind what it has signed`,
    ],
    [
      'a key that is too short',
      { 'a.crt': weak.cert, 'a.key': weak.key },
      `E: ${first}.key: a.key has 1024 bits, expected RSA of at least 2048`,
    ],
  ])('%s', (_, changed, expected) => {
    const given = Object.keys(changed).length === 0 ? { 'a.key': a.key } : { ...files({ a }), ...changed };
    expect(stage(given, pairOf('a')).load().found).toEqual([expected]);
  });

  test('a name that two certificates with the same kind of key have', () => {
    const b = authority.issue(['c.example', '*.b.example']);
    const { load } = stage(files({ a, b }), pairOf('a', 'b'));
    expect(load().found).toEqual([
      `E: ${second}.cert: b.crt is for *.b.example and has a key of ECDSA, as a.crt (${first}): expected another name, or another kind of key`,
    ]);
  });

  test('DER, which PEM can be made of', () => {
    const { folder, load } = stage(files({ a }), pairOf('a'));
    writeFileSync(join(folder, 'a.crt'), new X509Certificate(a.cert).raw);
    expect(load().found).toEqual([
      `E: ${first}.cert: found what may be DER in a.crt, expected a certificate in PEM: openssl x509 -inform der -in a.crt -out a.crt.pem`,
    ]);
  });

  test('what is no file', () => {
    const { folder, load } = stage({ 'a.key': a.key }, pairOf('a'));
    mkdirSync(join(folder, 'a.crt'));
    expect(load().found).toEqual([`E: ${first}.cert: cannot read a.crt: it is a folder, expected a file`]);
  });

  test('authorities of clients and of servers', () => {
    const tls = { certificates: [{ cert: 'a.crt', key: 'a.key' }], clientCertificates: { ca: 'none.pem' } };
    const { found } = stage({ ...files({ a }), 'ca.pem': a.key }, { tls }, { tls: { ca: 'ca.pem' } }).load();
    expect(found).toEqual([
      'E: listeners[0].tls.clientCertificates.ca: cannot read none.pem: there is no such file',
      'E: pools.p.tls.ca: found only PRIVATE KEY in ca.pem, expected a certificate in PEM; are cert and key the wrong way round?',
    ]);
  });
});

describe('warned of', () => {
  test.each<[string, number, string]>([
    ['it has expired', 91 * day, 'the certificate a.crt has expired'],
    ['it is not valid yet', -day, 'the certificate a.crt is not valid yet'],
  ])('%s', (_, now, expected) => {
    const { found, material } = stage(files({ a }), pairOf('a'), {}, now).load();
    expect(found).toEqual([expect.stringContaining(`W: ${first}.cert: ${expected} (`)]);
    expect(material.listeners[0]?.identities).toHaveLength(1);
  });

  test('a key that everybody may read', () => {
    const { folder, load } = stage(files({ a }), pairOf('a'));
    chmodSync(join(folder, 'a.key'), 0o644);
    expect(load().found).toEqual([
      `W: ${first}.key: every user may read a.key, or others may write to it (mode 644): chmod 640 a.key`,
    ]);
    chmodSync(join(folder, 'a.key'), 0o640);
    expect(load().found).toEqual([]);
  });

  test('no names, and another use', () => {
    expect(stage(files({ a: client }), pairOf('a')).load().found).toEqual([
      `W: ${first}.cert: the certificate a.crt has no host names (subjectAltName): clients do not accept it`,
      `W: ${first}.cert: the certificate a.crt is for another use (extendedKeyUsage), expected serverAuth: clients do not accept it`,
    ]);
  });
});

test('names as node:crypto writes them', () => {
  const written =
    'DNS:A.example, DNS:*.b.example, IP Address:127.0.0.1, email:x@y.z, URI:spiffe://a/b, DNS:"x, DNS:evil"';
  expect(altNamesOf(written)).toHaveLength(6);
  expect(hostNamesOf(written)).toEqual(['a.example', '*.b.example', '127.0.0.1']);
  expect(hostNamesOf('DNS:a.*.example, DNS:*, DNS:.a, DNS:a..b, DNS:*.*.c')).toEqual([]);
  expect(hostNamesOf(undefined)).toEqual([]);
});
