import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonCodec } from './codec.ts';

const check = (data: Record<string, unknown>) => {
  jsonCodec.check({ ...data });
  return jsonCodec.encode({ ...data });
};

describe('jsonCodec', () => {
  test('gives back what it takes', () => {
    const plain = fc.dictionary(fc.string(), fc.jsonValue());
    fc.assert(
      fc.property(plain, (data) => {
        // -0 is 0 in JSON; nobody keeps it apart.
        const text = check(JSON.parse(JSON.stringify(data)));
        expect(jsonCodec.encode(jsonCodec.decode(text))).toBe(text);
      }),
    );
  });

  test.each([
    ['session.data.when is a Date; expected', { when: new Date(0) }],
    ['session.data.cart[1].price is undefined', { cart: [{ price: 1 }, { price: undefined }] }],
    ['session.data["a b"].c is a Map', { 'a b': { c: new Map() } }],
    ['session.data.n is NaN', { n: Number.NaN }],
    ['session.data.f is a function', { f: () => 1 }],
    ['session.data.list[0] is undefined', { list: new Array(1) }],
    ['session.data.big is a bigint', { big: 1n }],
  ])('%s', (message, data) => {
    expect(() => check(data)).toThrow(message);
  });

  test('names the cycle', () => {
    const user: Record<string, unknown> = {};
    user.self = user;
    expect(() => jsonCodec.encode({ user })).toThrow('session.data.user.self holds an object that it is part of');
  });

  test('the same object twice is no cycle', () => {
    const one = { a: 1 };
    expect(check({ one, two: one })).toBe('{"one":{"a":1},"two":{"a":1}}');
  });

  test('a copy that is no object is refused', () => {
    expect(() => jsonCodec.decode('[1]')).toThrow("a session's copy is not an object: an array");
  });
});
