import { describe, expect, test } from 'vitest';
import { Headers } from './headers.ts';
import { isDegraded, readEpoch, readPut, readRotate, readSessionCommand } from './session-headers.ts';

function headersOf(...lines: string[]): Headers {
  const headers = new Headers(20);
  const bytes = Buffer.from(`${lines.map((line) => `${line}\r\n`).join('')}\r\n`);
  expect(headers.read(bytes, 0, bytes.length)).toBe(bytes.length);
  return headers;
}

const put = 'Limpet-Session-Put: epoch=3; version=7; ttl=1800; by=abc-1; data=eyJhIjoxfQ';
const id = '0123456789abcdef0123456789abcdef';

describe('what a response says of its session', () => {
  test('nothing, when it says nothing', () => {
    expect(readSessionCommand(headersOf('Content-Type: text/html', 'X-Limpet: 1'))).toBeNull();
    expect(readSessionCommand(headersOf('Limpet-Server: a', 'Limpet-Degraded: session-store'))).toBeNull();
    expect(isDegraded(headersOf('limpet-degraded: session-store'))).toBe(true);
    expect(isDegraded(headersOf('limpet-session-put: x'))).toBe(false);
  });

  test('a put, in any case, order and spacing', () => {
    const data = Buffer.from('{"a":1}');
    const command = { put: { epoch: 3, version: 7, ttl: 1800, by: 'abc-1', data }, ended: 0, rotate: '' };
    expect(readSessionCommand(headersOf('Host: x', put))).toEqual(command);
    const other = 'LIMPET-SESSION-PUT: by=abc-1;data=eyJhIjoxfQ ; epoch=3;ttl=1800; version=7; later=x; epoch=9';
    expect(readSessionCommand(headersOf(other))).toEqual(command);
  });

  test('a put of a user', () => {
    const user = 'ad'.repeat(16);
    expect(readSessionCommand(headersOf(`${put}; user=${user}`))).toMatchObject({ put: { version: 7, user } });
  });

  test('an end, and another id with or without a put', () => {
    expect(readSessionCommand(headersOf('Limpet-Session-Delete: epoch=4'))).toEqual({
      put: null,
      ended: 4,
      rotate: '',
    });
    const rotate = `Limpet-Session-Rotate: epoch=3; id=${id}`;
    expect(readSessionCommand(headersOf(rotate, put))).toMatchObject({ put: { version: 7 }, rotate: id });
    expect(readSessionCommand(headersOf(rotate))).toEqual({ put: null, ended: 0, rotate: id });
  });

  test.each([
    [[put, put]],
    [[put, 'Limpet-Session-Delete: epoch=3']],
    [[put, `Limpet-Session-Rotate: epoch=2; id=${id}`]],
    [[`Limpet-Session-Rotate: epoch=3; id=${id.toUpperCase()}`, put]],
    [[`Limpet-Session-Rotate: epoch=3; id=${'0'.repeat(32)}`, put]],
    [['Limpet-Session-Delete: epoch=0']],
    [['Limpet-Session-Delete: epoch=*']],
    [[`${put}; user=ada`]],
    [[`${put}; user=`]],
    [[`${put}; user=${'AD'.repeat(16)}`]],
    [['Limpet-Session-Delete: now']],
    [['Limpet-Session-Put:']],
    [['Limpet-Session-Put: epoch=1; version=1; ttl=60; by=x']],
    [['Limpet-Session-Put: epoch=0; version=1; ttl=60; by=x; data=']],
    [['Limpet-Session-Put: epoch=1; version=0; ttl=60; by=x; data=']],
    [['Limpet-Session-Put: epoch=1; version=1; ttl=0; by=x; data=']],
    [['Limpet-Session-Put: epoch=1; version=4294967296; ttl=60; by=x; data=']],
    [['Limpet-Session-Put: epoch=1; version=1; ttl=60; by=; data=']],
    [['Limpet-Session-Put: epoch=1; version=1; ttl=60; by=a b; data=']],
    [['Limpet-Session-Put: epoch=1; version=1; ttl=60; by=x; data=a+b/']],
    [['Limpet-Session-Put: epoch=-1; version=1; ttl=60; by=x; data=']],
  ])('%j is refused as a whole', (lines) => {
    expect(readSessionCommand(headersOf(...lines))).toBe('bad');
  });
});

test('the same words at the store interface', () => {
  expect(readPut('epoch=1; version=2; ttl=3; by=p')).toEqual({ epoch: 1, version: 2, ttl: 3, by: 'p', data: null });
  expect(readPut('epoch=1; version=2; ttl=3; by=p; data=')).toMatchObject({ data: Buffer.alloc(0) });
  expect(readPut('')).toBeNull();
  expect([readEpoch('epoch=12'), readEpoch('epoch=1e3'), readEpoch('')]).toEqual([12, 0, 0]);
  expect(readRotate(`epoch=1; id=${id}`)).toEqual({ epoch: 1, id, proof: '' });
  expect(readRotate(`epoch=1; id=${id}; proof=a-_9`)).toEqual({ epoch: 1, id, proof: 'a-_9' });
  expect(readRotate('epoch=1; id=abc')).toBeNull();
});
