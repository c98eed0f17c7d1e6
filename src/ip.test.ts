import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressBytes, addressOf, plainAddress } from './ip.ts';

/** What the URL parser makes of an IPv6 address, as eight groups. */
function groupsOf(address: string): number[] {
  const short = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [head = '', tail] = short.split('::');
  const numbers = (text: string) => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)));
  const [before, after] = [numbers(head), numbers(tail ?? '')];
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
}

describe('addressBytes', () => {
  test('of any IPv6 address, however it is written, are those that URL sees', () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const groups = groupsOf(address);
        const bytes = addressBytes(address);
        const all = Buffer.from(groups.flatMap((group) => [group >> 8, group & 255]));
        const mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
        expect(bytes).toEqual(mapped ? all.subarray(12) : all);
        expect(addressBytes(address.toUpperCase())).toEqual(bytes);
      }),
      { numRuns: 500 },
    );
  });

  test('of IPv4, alone and mapped into IPv6', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const bytes = Buffer.from(address.split('.').map(Number));
        expect(addressBytes(address)).toEqual(bytes);
        expect(addressBytes(`::ffff:${address}`)).toEqual(bytes);
        expect(
          addressBytes(`::FFFF:${bytes.readUInt16BE(0).toString(16)}:${bytes.readUInt16BE(2).toString(16)}`),
        ).toEqual(bytes);
        expect(addressBytes(`64:ff9b::${address}`)).toHaveLength(16);
      }),
    );
  });

  test.each([
    ['::', '00000000000000000000000000000000'],
    ['::1', '00000000000000000000000000000001'],
    ['1::', '00010000000000000000000000000000'],
    ['fe80::1%eth0', 'fe800000000000000000000000000001'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['1:2:3:4:5:6:7::', '00010002000300040005000600070000'],
    ['::2:3:4:5:6:7:8', '00000002000300040005000600070008'],
    ['::1.2.3.4', '00000000000000000000000001020304'],
    ['::ffff:0:1.2.3.4', '0000000000000000ffff000001020304'],
  ])('%s', (address, hex) => {
    expect(addressBytes(address).toString('hex')).toBe(hex);
  });

  test('of what is no address are its own', () => {
    expect(addressBytes('client ä')).toEqual(Buffer.from('client ä'));
    expect(addressBytes('')).toEqual(Buffer.alloc(0));
  });
});

test.each([
  ['::ffff:1.2.3.4', '1.2.3.4'],
  ['::FFFF:1.2.3.4', '1.2.3.4'],
  ['::ffff:102:304', '1.2.3.4'],
  ['0:0:0:0:0:ffff:1.2.3.4', '1.2.3.4'],
  ['0000::ffff:0102:0304', '1.2.3.4'],
  ['::ffff:0:0', '0.0.0.0'],
  ['1.2.3.4', '1.2.3.4'],
  ['0.0.0.0', '0.0.0.0'],
  ['::1', '::1'],
  ['::', '::'],
  ['::1.2.3.4', '::1.2.3.4'],
  ['::ffff:0:1.2.3.4', '::ffff:0:1.2.3.4'],
  ['64:ff9b::1.2.3.4', '64:ff9b::1.2.3.4'],
  ['::ffff:1.2.3', '::ffff:1.2.3'],
  ['::fffe:1.2.3.4', '::fffe:1.2.3.4'],
  ['localhost', 'localhost'],
  ['', ''],
])('plainAddress %j is %j', (text, address) => {
  expect(plainAddress(text)).toBe(address);
});

test.each([
  ['1.2.3.4', '1.2.3.4'],
  ['::ffff:1.2.3.4', '1.2.3.4'],
  ['[::FFFF:102:304]:80', '1.2.3.4'],
  ['1.2.3.4:80', '1.2.3.4'],
  ['::1', '::1'],
  ['[::1]', '::1'],
  ['[::1]:80', '::1'],
  ['::1:80', '::1:80'],
  ['[1.2.3.4]:80', '1.2.3.4'],
  ['1.2.3.4:', ''],
  ['1.2.3.4:x', ''],
  ['[::1]x', ''],
  ['[::1', ''],
  ['localhost', ''],
  ['_hidden', ''],
  ['', ''],
])('addressOf %j is %j', (text, address) => {
  expect(addressOf(text)).toBe(address);
});
