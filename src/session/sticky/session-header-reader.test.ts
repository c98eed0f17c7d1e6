import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { makeSessionSecret } from '../../secrets/session-secret.ts';
import { BalancerSecrets } from './balancer-secrets.ts';
import { SessionHeaderReader } from './session-header-reader.ts';

const now = 1e12;
const secret = 'right secret';
const fields = `id=${'ab'.repeat(16)}; epoch=3; version=7; reason=held; pool=shop; store=unix:/s:/v1; copy=c1`;
const sign = (by: string, text = `${fields}; t=1000000000`) =>
  `${text}; sig=${createHmac('sha256', by).update(text).digest('hex').slice(0, 32)}`;
const carrying = (line: string | undefined) => ({ header: () => line, tls: false });

test('a line that was believed is the same header each time', () => {
  const reader = new SessionHeaderReader(new BalancerSecrets([secret], null));
  const first = reader.read(carrying(sign(secret)), now);
  expect(first).toMatchObject({ id: 'ab'.repeat(16), epoch: 3, version: 7, reason: 'held', pool: 'shop', state: null });
  expect(reader.read(carrying(sign(secret)), now + 1)).toBe(first);
});

test.each([
  ['no line', undefined],
  ['a line without a signature', fields],
  ['one of another secret', sign('wrong secret')],
  ['one with another epoch', sign(secret).replace('epoch=3', 'epoch=4')],
  ['one with another signature', sign(secret).replace(/.$/, (last) => (last === '0' ? '1' : '0'))],
  ['one with a cut signature', sign(secret).slice(0, -1)],
  ['one with a longer signature', `${sign(secret)}0`],
  ['one whose signature is no digits', sign(secret).replace(/.{32}$/, 'é'.repeat(32))],
  ['one without a time', sign(secret, fields)],
  ['one that is signed, and says nothing', sign(secret, `id=${'ab'.repeat(16)}; t=1000000000`)],
])('%s is refused, also when the right one was believed', (_what, line) => {
  const reader = new SessionHeaderReader(new BalancerSecrets([secret], null));
  expect(typeof reader.read(carrying(line), now)).toBe('string');
  expect(typeof reader.read(carrying(sign(secret)), now)).toBe('object');
  expect(typeof reader.read(carrying(line), now)).toBe('string');
});

test('a line that was believed grows old', () => {
  const reader = new SessionHeaderReader(new BalancerSecrets([secret], null));
  expect(typeof reader.read(carrying(sign(secret)), now)).toBe('object');
  expect(reader.read(carrying(sign(secret)), now + 121_000)).toContain('recent');
});

test('a change of the session is believed as the first line was, and a state that came along is read each time', () => {
  const reader = new SessionHeaderReader(new BalancerSecrets([secret], null));
  reader.read(carrying(sign(secret)), now);
  const next = sign(secret, `${fields.replace('version=7', 'version=8')}; t=1000000000`);
  expect(reader.read(carrying(next), now)).toMatchObject({ version: 8 });
  const data = Buffer.from('{"name":"Ada"}').toString('base64url');
  const whole = sign(secret, `${fields}; ttl=60; data=${data}; t=1000000000`);
  const state = { text: '{"name":"Ada"}', ttlMs: 60_000 };
  expect(reader.read(carrying(whole), now)).toMatchObject({ state });
  expect(reader.read(carrying(whole), now)).toMatchObject({ state });
});

test('a line that was believed by a former secret is verified anew', () => {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-reader-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'state/session.secret');
  const reader = new SessionHeaderReader(new BalancerSecrets([], file));
  const former = sign(makeSessionSecret(file));
  expect(typeof reader.read(carrying(former), now)).toBe('object');
  rmSync(file);
  const next = sign(makeSessionSecret(file));
  expect(typeof reader.read(carrying(next), now + 1000)).toBe('object');
  expect(reader.read(carrying(former), now + 2000)).toContain('without a right and recent signature');
});
