import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readConfig } from '../config/read.ts';
import { AutoFiles } from './auto.ts';
import { isLocalName, sameName } from './local-names.ts';

const day = 86_400_000;
const start = Date.parse('2026-03-01T12:00:00Z');

function stage(addresses: readonly string[] = [':8443']) {
  const stateDir = mkdtempSync(join(tmpdir(), 'limpet-auto-'));
  onTestFinished(() => rmSync(stateDir, { recursive: true, force: true }));
  const folder = join(stateDir, 'tls');
  const said: string[] = [];
  const clock = { now: start };
  const log = { info: (text: string) => said.push(text), warn: (text: string) => said.push(`warn: ${text}`) };
  const files = () => new AutoFiles({ stateDir, now: () => clock.now, log });
  const listenersOf = (list: readonly string[]) =>
    readConfig(
      { listeners: list.map((address) => ({ address, tls: 'auto' })), pools: { a: { servers: ['3001'] } } },
      { source: { name: 'test', locate: () => null }, env: {}, variables: false },
    ).options.listeners;
  const make = (list = addresses) => files().certificateFor(listenersOf(list));
  const text = (name: string) => readFileSync(join(folder, name), 'latin1');
  const shown = () => new X509Certificate(text('localhost.pem').replace(/^[\s\S]*(?=-----BEGIN CERT)/, ''));
  return { stateDir, folder, said, clock, make, text, shown, files, listenersOf };
}

test('the first start makes an authority and a certificate, private, and tells how to trust it', async () => {
  const { folder, said, make, shown, text } = stage();
  const file = join(folder, 'localhost.pem');
  expect(await make()).toEqual({ cert: file, key: file, ocsp: null });
  expect(readdirSync(folder).sort()).toEqual(['authority.crt', 'authority.key', 'localhost.pem']);
  for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  const authority = new X509Certificate(text('authority.crt'));
  expect([authority.ca, authority.verify(authority.publicKey)]).toEqual([true, true]);
  expect(authority.subject).toMatch(/^CN=Limpet local authority [0-9a-f]{8}$/);
  expect([shown().ca, shown().verify(authority.publicKey), shown().checkIssued(authority)]).toEqual([
    false,
    true,
    true,
  ]);
  for (const name of ['127.0.0.1', '::1']) expect(shown().checkIP(name)).toBe(name);
  expect(shown().checkHost('localhost')).toBe('localhost');
  expect(said).toEqual([expect.stringContaining(join(folder, 'authority.crt'))]);
  for (const system of ['Linux', 'macOS', 'Windows', 'Firefox']) expect(said[0]).toContain(system);
});

test('a second start changes nothing and says nothing', async () => {
  const { folder, said, make, text } = stage();
  await make();
  const before = readdirSync(folder).map(text);
  said.length = 0;
  await make();
  expect(readdirSync(folder).map(text)).toEqual(before);
  expect(said).toEqual([]);
});

test('the certificate is renewed at half of its time, by the same authority', async () => {
  const { clock, make, shown, text } = stage();
  await make();
  const [authority, first] = [text('authority.crt'), shown().fingerprint256];
  clock.now = start + 44 * day;
  await make();
  expect(shown().fingerprint256).toBe(first);
  clock.now = start + 46 * day;
  await make();
  expect(shown().fingerprint256).not.toBe(first);
  expect(Date.parse(shown().validTo)).toBe(clock.now + 90 * day);
  expect(text('authority.crt')).toBe(authority);
});

test('an authority near its end is made anew with the same key, and is to be trusted anew', async () => {
  const { clock, make, said, shown, text } = stage();
  await make();
  const [authority, key] = [text('authority.crt'), text('authority.key')];
  clock.now = start + 3600 * day;
  await make();
  expect(text('authority.crt')).not.toBe(authority);
  expect(text('authority.key')).toBe(key);
  expect(Date.parse(new X509Certificate(text('authority.crt')).validTo)).toBeGreaterThan(Date.parse(shown().validTo));
  expect(said).toHaveLength(2);
});

test('names of listeners are added, and stay; public ones are refused, once', async () => {
  const { said, shown, files, listenersOf } = stage();
  const auto = files();
  await auto.certificateFor(listenersOf(['shop.test:8443', '192.168.1.5:8443', '0.0.0.0:8444']));
  expect(shown().checkHost('shop.test')).toBe('shop.test');
  expect(shown().checkIP('192.168.1.5')).toBe('192.168.1.5');
  said.length = 0;
  for (let n = 0; n < 2; n++)
    await auto.certificateFor(listenersOf(['[fd00::7]:8443', 'shop.example:8443', '9.9.9.9:1']));
  expect(shown().checkIP('fd00::7')).toBe('fd00::7');
  expect(shown().checkHost('shop.test')).toBe('shop.test');
  expect(shown().checkHost('shop.example')).toBe(undefined);
  expect(said).toEqual([
    expect.stringMatching(/^warn: the certificate of tls: auto is not for shop\.example: .*private networks/),
    expect.stringMatching(/not for 9\.9\.9\.9/),
  ]);
});

test.each([
  ['localhost.pem', 'nonsense', 0o600],
  ['authority.crt', 'nonsense', 0o644],
])('%s that is damaged is made anew', async (name, content, mode) => {
  const { folder, make, shown, text } = stage();
  await make();
  writeFileSync(join(folder, name), content);
  chmodSync(join(folder, name), mode);
  await make();
  expect(shown().verify(new X509Certificate(text('authority.crt')).publicKey)).toBe(true);
});

test('what others could have read or written is refused, and so is a key that is none', async () => {
  const { folder, make } = stage();
  await make();
  chmodSync(join(folder, 'authority.key'), 0o644);
  await expect(make()).rejects.toThrow(/others may open .*authority\.key \(mode 644\): chmod 600/);
  chmodSync(join(folder, 'authority.key'), 0o600);
  writeFileSync(join(folder, 'authority.key'), 'nonsense');
  await expect(make()).rejects.toThrow(/authority\.key holds no private key: remove it/);
  chmodSync(folder, 0o777);
  await expect(make()).rejects.toThrow(/others may write to the folder/);
});

test('a folder that cannot be made is told, with what to do', async () => {
  const { stateDir, folder, make } = stage();
  writeFileSync(folder, '');
  await expect(make()).rejects.toThrow(/tls is no folder, expected one/);
  rmSync(folder);
  mkdirSync(folder);
  rmSync(stateDir, { recursive: true });
  writeFileSync(stateDir, '');
  await expect(make()).rejects.toThrow(/cannot be kept in .* \(E[A-Z]+\): set stateDir to a folder/);
});

test('which names are local', () => {
  for (const name of ['localhost', 'a.localhost', 'x.test', '10.1.2.3', '172.31.0.1', '::1', 'fe80::1', '127.9.9.9'])
    expect([name, isLocalName(name)]).toEqual([name, true]);
  for (const name of ['example.org', 'mylocalhost', 'test.com', '11.0.0.1', '172.32.0.1', '2001:db8::1', 'host'])
    expect([name, isLocalName(name)]).toEqual([name, false]);
  expect([sameName('::1', '0:0:0:0:0:0:0:1'), sameName('::1', '::2'), sameName('a', 'a')]).toEqual([true, false, true]);
});
