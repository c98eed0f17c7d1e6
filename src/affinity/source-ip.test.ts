import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { requestWith } from '../../test/support/heads.ts';
import { Fingerprints } from '../table/fingerprint.ts';
import { type Affinity, Recognition } from './affinity.ts';
import { SourceIpAffinity } from './source-ip.ts';

const secret = Buffer.alloc(32, 's');
const head = requestWith();
const names = new Fingerprints(Buffer.alloc(16, 'n'));

function affinityOf(ipv4Prefix: number, ipv6Prefix: number, hashSecret = secret, mode: 'hash' | 'table' = 'hash') {
  const settings = { type: 'source-ip', ipv4Prefix, ipv6Prefix, mode, idle: 0 } as const;
  return new SourceIpAffinity(settings, { secret: hashSecret, names, lifetime: 3 });
}

function keyOf(affinity: SourceIpAffinity, clientAddress: string): number {
  const recognition = new Recognition();
  expect(affinity.recognise(head, { clientAddress, clientSecure: false }, 1000, recognition)).toBe(true);
  expect(recognition).toMatchObject({
    affinity,
    recognised: true,
    kind: 'hash',
    owner: 0,
    sid0: 0,
    epoch: 0,
    born: 1000,
    tokenDue: false,
  });
  expect(Number.isInteger(recognition.key) && recognition.key >= 0 && recognition.key < 2 ** 32).toBe(true);
  return recognition.key;
}

const keys = (ipv4Prefix: number, ipv6Prefix: number, ...addresses: string[]) => {
  const affinity = affinityOf(ipv4Prefix, ipv6Prefix);
  return addresses.map((address) => keyOf(affinity, address));
};

describe('the key of an address', () => {
  test('is the same on every node and at every time, and another with another secret', () => {
    const [one] = keys(32, 64, '1.2.3.4');
    expect(keys(32, 64, '1.2.3.4', '1.2.3.4')).toEqual([one, one]);
    // Golden: nodes of different versions have to agree.
    expect(one).toBe(2483164067);
    expect(keyOf(affinityOf(32, 64, Buffer.alloc(32, 't')), '1.2.3.4')).not.toBe(one);
  });

  test('IPv4 counts up to its prefix', () => {
    for (const [prefix, same, different] of [
      [32, '10.1.2.3', '10.1.2.2'],
      [24, '10.1.2.255', '10.1.3.3'],
      [20, '10.1.15.1', '10.1.16.1'],
      [8, '10.99.2.3', '11.1.2.3'],
      [1, '127.0.0.1', '128.0.0.1'],
    ] as const) {
      const [key, equal, other] = keys(prefix, 64, '10.1.2.3', same, different);
      expect([prefix, equal]).toEqual([prefix, key]);
      expect([prefix, other]).not.toEqual([prefix, key]);
    }
    expect(new Set(keys(0, 64, '1.2.3.4', '255.0.0.1', '0.0.0.0')).size).toBe(1);
  });

  test('IPv6 counts up to its prefix, however it is written', () => {
    const [key, host, written, network] = keys(
      32,
      64,
      '2001:db8::1',
      '2001:db8::ffff:1',
      '2001:0DB8:0:0:1::',
      '2001:db8:0:1::1',
    );
    expect([host, written]).toEqual([key, key]);
    expect(network).not.toBe(key);
  });

  test('IPv4-mapped IPv6 is IPv4', () => {
    const [plain, mapped, inHex] = keys(24, 64, '1.2.3.4', '::ffff:1.2.3.9', '::ffff:102:303');
    expect([mapped, inHex]).toEqual([plain, plain]);
  });

  test('is spread over all 32 bits', () => {
    const high = keys(32, 64, ...Array.from({ length: 400 }, (_, i) => `10.0.${i >> 8}.${i & 255}`)).filter(
      (key) => key >= 2 ** 31,
    ).length;
    expect(high).toBeGreaterThan(140);
    expect(high).toBeLessThan(260);
  });

  test('stays the same when more addresses come than are kept', () => {
    const affinity = affinityOf(32, 64);
    const before = keyOf(affinity, '9.9.9.9');
    const recognition = new Recognition();
    for (let i = 0; i < 5000; i++) {
      affinity.recognise(head, { clientAddress: `10.0.${i >> 8}.${i & 255}`, clientSecure: false }, 1000, recognition);
    }
    expect(keyOf(affinity, '9.9.9.9')).toBe(before);
  });

  test('two addresses of one network have one key', () => {
    fc.assert(
      fc.property(
        fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)),
        fc.nat(32),
        fc.nat(0xffffff),
        ([a, b, c, d], prefix, noise) => {
          const value = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
          const hostMask = prefix === 32 ? 0 : (0xffffffff >>> prefix) >>> 0;
          const other = (value ^ (noise & hostMask)) >>> 0;
          const text = (bits: number) => [bits >>> 24, (bits >>> 16) & 255, (bits >>> 8) & 255, bits & 255].join('.');
          const [one, two] = keys(prefix, 64, text(value), text(other));
          expect(two).toBe(one);
        },
      ),
    );
  });
});

test('a client without an address is not recognised; it begins with the key 0 and is told nothing', () => {
  const affinity = affinityOf(32, 64);
  const recognition = new Recognition();
  expect(affinity.recognise(head, { clientAddress: '', clientSecure: false }, 1000, recognition)).toBe(false);
  expect(recognition).toEqual(new Recognition());
  affinity.begin(1000, recognition);
  expect(recognition).toMatchObject({ affinity, recognised: false, key: 0, tokenDue: false });
  const contract: Affinity = affinity;
  expect(contract.bind).toBe(undefined);
});

test('in mode table the network is a session of the table, first placed where hashing would', () => {
  const affinity = affinityOf(24, 64, secret, 'table');
  const sessionOf = (clientAddress: string) => {
    const recognition = new Recognition();
    expect(affinity.recognise(head, { clientAddress, clientSecure: false }, 1000, recognition)).toBe(true);
    return recognition;
  };
  const one = sessionOf('1.2.3.4');
  const out = { hi: 0, lo: 0 };
  names.hash(Buffer.from([1, 2, 3, 0]), 0, 4, out);
  const key = keyOf(affinityOf(24, 64), '1.2.3.4');
  expect(one).toMatchObject({ affinity, kind: 'key', proof: 'valid', sid0: out.hi, sid1: out.lo, key, owner: 0 });
  expect(sessionOf('1.2.3.9')).toEqual(one);
  expect(sessionOf('1.2.3.4')).toEqual(one);
  expect(sessionOf('1.2.4.4').sid0).not.toBe(one.sid0);
  expect([affinity.lifetime, affinityOf(24, 64).lifetime]).toEqual([3, undefined]);
});
