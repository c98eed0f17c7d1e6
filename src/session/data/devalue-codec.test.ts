import { beforeAll, describe, expect, test } from 'vitest';
import { DevalueCodec } from './devalue-codec.ts';

const codec = new DevalueCodec();
beforeAll(() => codec.load());

describe('DevalueCodec', () => {
  test.each<[string, unknown]>([
    ['Date', new Date(1e12)],
    ['Map', new Map<unknown, unknown>([['a', new Set([1n, 'x'])]])],
    ['BigInt', 2n ** 70n],
    ['Buffer', Buffer.from('limpet')],
    ['an empty Buffer', Buffer.alloc(0)],
    ['a typed array', new Uint8Array([1, 2, 3])],
    ['RegExp', /a+/gi],
    ['URL', new URL('http://example.org/a?b=c')],
    ['undefined', undefined],
    ['numbers that JSON has not', [Number.NaN, Number.POSITIVE_INFINITY, -0]],
    ['a hole', new Array(2)],
  ])('%s comes back as it was', (_, value) => {
    const text = codec.encode({ value });
    const data = codec.decode(text);
    expect(data).toStrictEqual({ value });
    expect(codec.encode(data)).toBe(text);
  });

  test('a Buffer is a Buffer, and what is held twice or by itself is so again', () => {
    const user: Record<string, unknown> = { picture: Buffer.from('x') };
    user.self = user;
    const data = codec.decode(codec.encode({ user, again: user }));
    const { user: found } = data as { user: Record<string, unknown> };
    expect(Buffer.isBuffer(found.picture)).toBe(true);
    expect([found.self, data.again]).toEqual([found, found]);
    expect(found.self).toBe(found);
    expect(data.again).toBe(found);
  });

  test.each<[string, Record<string, unknown>]>([
    ['session.data.cart[1].f cannot be written by devalue: Cannot stringify a function', { cart: [1, { f: () => 1 }] }],
    ['session.data.who cannot be written by devalue: Cannot stringify arbitrary non-POJOs', { who: new (class {})() }],
    ['session.data.s cannot be written by devalue', { s: Symbol('s') }],
  ])('%s', (message, data) => {
    expect(() => codec.encode(data)).toThrow(message);
  });

  test('a copy that is no object is refused', () => {
    expect(() => codec.decode('[[]]')).toThrow("a session's copy is not an object: an array");
  });
});
