import { describe, expect, test } from 'vitest';
import { readSessionHeader, writePut } from './protocol.ts';

const header = `id=${'ab'.repeat(16)}; epoch=3; version=7; reason=move; pool=shop; store=http://127.0.0.1:1/v1; copy=c1`;
describe('readSessionHeader', () => {
  test('reads all fields, and passes over those of a later protocol', () => {
    const found = {
      id: 'ab'.repeat(16),
      epoch: 3,
      version: 7,
      reason: 'move',
      pool: 'shop',
      storeIncarnation: 'c1',
      allow: '',
      cookie: '00000000',
    };
    expect(readSessionHeader(`${header}; later=1`)).toEqual({ ...found, store: 'http://127.0.0.1:1/v1', state: null });
  });

  test('reads the state when it came along', () => {
    const data = Buffer.from('{"name":"Ada"}').toString('base64url');
    expect(readSessionHeader(`${header}; ttl=60; data=${data}`)).toMatchObject({
      state: { text: '{"name":"Ada"}', ttlMs: 60_000 },
    });
    expect(readSessionHeader(`${header}; data=${data}`)).toMatchObject({ state: null });
  });

  test.each([
    ['another id', header.replace('ab', 'AB')],
    ['epoch 0', header.replace('epoch=3', 'epoch=0')],
    ['no version', header.replace('version=7; ', '')],
    ['another reason', header.replace('move', 'stolen')],
    ['two headers that were joined', `${header}, ${header.replace('; copy=c1', '')}`.replace('epoch=3', 'epoch=x')],
  ])('refuses %s', (_what, text) => {
    expect(typeof readSessionHeader(text)).toBe('string');
  });
});

test('writePut counts time in seconds and never in none', () => {
  const put = { epoch: 1, version: 2, ttlMs: 1_800_000, processId: 'me' };
  expect(writePut(put, 'e30')).toBe('epoch=1; version=2; ttl=1800; by=me; data=e30');
  const user = 'ad'.repeat(16);
  expect(writePut({ ...put, user }, 'e30')).toBe(`epoch=1; version=2; ttl=1800; by=me; user=${user}; data=e30`);
  expect(writePut({ ...put, ttlMs: 200 }, null)).toBe('epoch=1; version=2; ttl=1; by=me');
});
