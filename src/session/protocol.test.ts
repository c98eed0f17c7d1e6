import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { readWord, writePut } from './protocol.ts';

const word = `id=${'ab'.repeat(16)}; epoch=3; version=7; reason=move; pool=shop; store=http://127.0.0.1:1/v1; copy=c1`;
const read = (text: string | undefined, peer: string | null = '127.0.0.1', secrets: string[] = [], now = 1e12) =>
  readWord({ header: () => text, peer, tls: false }, secrets, now);
const sign = (text: string, secret: string) =>
  `${text}; sig=${createHmac('sha256', secret).update(text).digest('hex').slice(0, 32)}`;

describe('readWord', () => {
  test('reads all fields, and passes over those of a later protocol', () => {
    const found = { id: 'ab'.repeat(16), epoch: 3, version: 7, reason: 'move', pool: 'shop', copy: 'c1' };
    expect(read(`${word}; later=1`)).toEqual({ ...found, store: 'http://127.0.0.1:1/v1', state: null });
  });

  test('reads the state when it came along', () => {
    const data = Buffer.from('{"name":"Ada"}').toString('base64url');
    expect(read(`${word}; ttl=60; data=${data}`)).toMatchObject({ state: { text: '{"name":"Ada"}', ttl: 60_000 } });
    expect(read(`${word}; data=${data}`)).toMatchObject({ state: null });
  });

  test.each(['127.0.0.1', '127.8.9.1', '::1', '::ffff:127.0.0.1', ''])('believes %j', (peer) => {
    expect(read(word, peer)).toMatchObject({ epoch: 3 });
  });

  test.each(['10.0.0.1', '::ffff:10.0.0.1', '127.0.0.1.evil', '1::1', null])('does not believe %j', (peer) => {
    expect(read(word, peer)).toMatch(/and no secret is set$/);
  });

  test.each([
    ['absent', undefined],
    ['another id', word.replace('ab', 'AB')],
    ['epoch 0', word.replace('epoch=3', 'epoch=0')],
    ['no version', word.replace('version=7; ', '')],
    ['another reason', word.replace('move', 'stolen')],
    ['two headers that were joined', `${word}, ${word.replace('; copy=c1', '')}`.replace('epoch=3', 'epoch=x')],
  ])('refuses %s', (_what, text) => {
    expect(typeof read(text)).toBe('string');
  });

  test('with a secret the signature counts, whoever sends it', () => {
    const signed = sign(`${word}; t=1000000000`, 'right secret');
    expect(read(signed, '10.0.0.1', ['new secret', 'right secret'])).toMatchObject({ version: 7 });
    expect(typeof read(word, '127.0.0.1', ['right secret'])).toBe('string');
    expect(typeof read(signed.replace('epoch=3', 'epoch=4'), '10.0.0.1', ['right secret'])).toBe('string');
    expect(typeof read(signed, '10.0.0.1', ['right secret'], 1e12 + 121_000)).toBe('string');
    expect(typeof read(sign(word, 'right secret'), '10.0.0.1', ['right secret'])).toBe('string');
  });
});

test('writePut counts time in seconds and never in none', () => {
  const put = { epoch: 1, version: 2, ttl: 1_800_000, by: 'me' };
  expect(writePut(put, 'e30')).toBe('epoch=1; version=2; ttl=1800; by=me; data=e30');
  expect(writePut({ ...put, ttl: 200 }, null)).toBe('epoch=1; version=2; ttl=1; by=me');
});
