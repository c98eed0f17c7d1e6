import { describe, expect, test } from 'vitest';
import { readWord, writePut } from './protocol.ts';

const word = `id=${'ab'.repeat(16)}; epoch=3; version=7; reason=move; pool=shop; store=http://127.0.0.1:1/v1; copy=c1`;
describe('readWord', () => {
  test('reads all fields, and passes over those of a later protocol', () => {
    const found = {
      id: 'ab'.repeat(16),
      epoch: 3,
      version: 7,
      reason: 'move',
      pool: 'shop',
      copy: 'c1',
      allow: '',
      cookie: '00000000',
    };
    expect(readWord(`${word}; later=1`)).toEqual({ ...found, store: 'http://127.0.0.1:1/v1', state: null });
  });

  test('reads the state when it came along', () => {
    const data = Buffer.from('{"name":"Ada"}').toString('base64url');
    expect(readWord(`${word}; ttl=60; data=${data}`)).toMatchObject({ state: { text: '{"name":"Ada"}', ttl: 60_000 } });
    expect(readWord(`${word}; data=${data}`)).toMatchObject({ state: null });
  });

  test.each([
    ['another id', word.replace('ab', 'AB')],
    ['epoch 0', word.replace('epoch=3', 'epoch=0')],
    ['no version', word.replace('version=7; ', '')],
    ['another reason', word.replace('move', 'stolen')],
    ['two headers that were joined', `${word}, ${word.replace('; copy=c1', '')}`.replace('epoch=3', 'epoch=x')],
  ])('refuses %s', (_what, text) => {
    expect(typeof readWord(text)).toBe('string');
  });
});

test('writePut counts time in seconds and never in none', () => {
  const put = { epoch: 1, version: 2, ttl: 1_800_000, by: 'me' };
  expect(writePut(put, 'e30')).toBe('epoch=1; version=2; ttl=1800; by=me; data=e30');
  const user = 'ad'.repeat(16);
  expect(writePut({ ...put, user }, 'e30')).toBe(`epoch=1; version=2; ttl=1800; by=me; user=${user}; data=e30`);
  expect(writePut({ ...put, ttl: 200 }, null)).toBe('epoch=1; version=2; ttl=1; by=me');
});
