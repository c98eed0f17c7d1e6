import { hash, X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TestAuthority } from '../../test/support/certificates.ts';
import { childrenOf, DerError, readValue } from './der.ts';
import { readOcsp } from './ocsp.ts';

const authority = new TestAuthority();
const leaf = new X509Certificate(authority.issue(['a.example']).cert);

function der(tag: number, ...parts: (Buffer | string)[]): Buffer {
  const content = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'hex') : part)));
  const { length } = content;
  const head = length < 0x80 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), content]);
}

const time = (text: string) => der(0x18, Buffer.from(text));

/** The name of the authority, as the certificate has it. */
function issuerName(): Buffer {
  const { raw } = leaf;
  const [tbs] = childrenOf(raw, readValue(raw, 0, raw.length));
  const issuer = childrenOf(raw, tbs!)[3]!;
  return raw.subarray(issuer.from, issuer.end);
}

function response(status: string, serial = leaf.serialNumber, name = issuerName(), next = '20300102000000Z'): Buffer {
  const sha1 = der(0x30, der(0x06, '2b0e03021a'), '0500');
  const id = der(0x30, sha1, der(0x04, hash('sha1', name, 'buffer')), der(0x04, '00'.repeat(20)), der(0x02, serial));
  const until = next === '' ? [] : [der(0xa0, time(next))];
  const single = der(0x30, id, status, time('20300101000000Z'), ...until);
  const data = der(0x30, der(0xa2, der(0x04, '00')), time('20300101000000Z'), der(0x30, single));
  const basic = der(0x30, data, der(0x30), der(0x03, '00'));
  return der(0x30, der(0x0a, '00'), der(0xa0, der(0x30, der(0x06, '2b0601050507300101'), der(0x04, basic))));
}

test('is it good, and from when until when', () => {
  const [from, until] = [Date.UTC(2030, 0, 1), Date.UTC(2030, 0, 2)];
  expect(readOcsp(response('8000'), leaf)).toEqual({ status: 'good', from, until });
  expect(readOcsp(response('8200'), leaf)).toEqual({ status: 'unknown', from, until });
  const revoked = der(0xa1, time('20290101000000Z')).toString('hex');
  expect(readOcsp(response(revoked), leaf)).toEqual({ status: 'revoked', from, until });
  expect(readOcsp(response('8000', leaf.serialNumber, issuerName(), ''), leaf)?.until).toBe(Number.POSITIVE_INFINITY);
});

test('about another certificate, or one of another authority', () => {
  expect(readOcsp(response('8000', '01'), leaf)).toBe(null);
  expect(readOcsp(response('8000', leaf.serialNumber, Buffer.from('3000', 'hex')), leaf)).toBe(null);
});

test('anything else is refused', () => {
  const good = response('8000');
  expect(() => readOcsp(der(0x30, der(0x0a, '06')), leaf)).toThrow('the responder had an error');
  for (let length = 0; length < good.length; length++) {
    expect(() => readOcsp(good.subarray(0, length), leaf)).toThrow(DerError);
  }
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), (at, byte) => {
      const changed = Buffer.from(good);
      changed[at] = byte;
      try {
        readOcsp(changed, leaf);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
        expect(error).not.toBeInstanceOf(RangeError);
      }
    }),
  );
});
