import { describe, expect, test } from 'vitest';
import { requestWith } from '../../test/support/heads.ts';
import { Fingerprints } from '../table/fingerprint.ts';
import { type ClientFacts, Recognition } from './affinity.ts';
import { ClientCertificateAffinity } from './client-certificate.ts';

const hash = (letter: string) => new Fingerprints(Buffer.alloc(16, letter));
const certificate = (fingerprint: string, subject = 'CN=alice') => ({ fingerprint, subject });
const [a, b] = ['aa', 'bb'].map((byte) => byte.repeat(32));

function affinityOf(by: 'fingerprint' | 'subject' = 'fingerprint', key = 'n') {
  const options = { type: 'client-certificate', by, idle: 0, absolute: 0 } as const;
  return new ClientCertificateAffinity(options, { names: hash(key), ids: hash('i'), lifetime: 3 });
}

function recognise(affinity: ClientCertificateAffinity, clientCertificate: ClientFacts['clientCertificate']) {
  const recognition = new Recognition();
  const client = { clientAddress: '1.2.3.4', clientSecure: true, clientCertificate };
  const head = requestWith(`X-Client-Fingerprint: ${a}`);
  return affinity.recognise(head, client, 1000, recognition) ? recognition : null;
}

const keyOf = (...args: Parameters<typeof recognise>) => recognise(...args)?.key;

describe('a certificate', () => {
  test('is a session with an id of its own', () => {
    const affinity = affinityOf();
    const found = recognise(affinity, certificate(a!));
    expect(found).toMatchObject({
      affinity,
      recognised: true,
      kind: 'key',
      proof: 'valid',
      born: 1000,
      tokenDue: false,
    });
    expect(found?.hasId).toBe(true);
    expect(found?.key).toBe(found?.sid0);
  });

  test('has the same key on every connection and node, and another with another secret', () => {
    const affinity = affinityOf();
    const key = keyOf(affinity, certificate(a!));
    expect(keyOf(affinity, certificate(a!))).toBe(key);
    expect(keyOf(affinityOf(), certificate(a!))).toBe(key);
    expect(keyOf(affinityOf('fingerprint', 'o'), certificate(a!))).not.toBe(key);
    expect(keyOf(affinity, certificate(b!))).not.toBe(key);
  });

  test('may be known by its subject, which stays when it is renewed', () => {
    const affinity = affinityOf('subject');
    expect(keyOf(affinity, certificate(a!))).toBe(keyOf(affinity, certificate(b!)));
    expect(keyOf(affinity, certificate(a!, 'CN=bob'))).not.toBe(keyOf(affinity, certificate(a!)));
  });

  test('without one nobody is recognised, whatever the request says', () => {
    expect(recognise(affinityOf(), null)).toBeNull();
    expect(recognise(affinityOf(), undefined)).toBeNull();
    expect(recognise(affinityOf('subject'), certificate(a!, ''))).toBeNull();
    expect(recognise(affinityOf('subject'), certificate(a!, `CN=${'x'.repeat(5000)}`))).toBeNull();
  });
});
