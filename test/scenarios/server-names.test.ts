/** Several certificates on one listener: by the name that the client asks for, and by the kind of key that it understands. */
import { describe, expect, test } from 'vitest';
import { getOn, handshake, shownFor } from '../support/https.ts';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { configFor, echoOf } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { CertificateFiles, openSecure, secureProtocols } from '../support/secure-client.ts';
import { onlyOver } from '../support/transport.ts';

const ecdsa = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' } as const;
const rsa = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256', sigalgs: 'RSA-PSS+SHA256' } as const;
/** It verifies both kinds, and has ciphers for one. */
const rsaCiphers = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' } as const;

describe.each(runtimes)('on %s', (runtime) => {
  onlyOver('h1', 'it brings its own clients');

  test('each name has its certificate, of both kinds of key', { timeout: 60_000 }, async () => {
    using files = new CertificateFiles();
    const { authority } = files;
    const issue = (subject: string, names: readonly string[], kind: 'ec' | 'rsa' = 'ec') =>
      files.pair(subject, authority.issue(names, { subject, kind }));
    const certificates = [
      issue('first', ['first.example']),
      issue('first-rsa', ['first.example'], 'rsa'),
      issue('shop-ec', ['shop.example', '*.shop.example']),
      issue('shop-rsa', ['shop.example', '*.shop.example'], 'rsa'),
      issue('admin', ['admin.shop.example']),
    ];
    await using origin = await httpOrigin('a');
    const config = configFor([origin], {}, { tls: { certificates } });
    await using limpet = await startLimpet(runtime, { config });
    const shown = async (name: string, options = {}) => (await shownFor(limpet.port, name, options)).subject;

    expect(await shown('first.example')).toBe('first');
    expect(await shown('first.example', rsa)).toBe('first-rsa');
    expect(await shown('first.example', rsaCiphers)).toBe('first-rsa');
    expect(await shown('SHOP.example', ecdsa)).toBe('shop-ec');
    expect(await shown('shop.example', rsa)).toBe('shop-rsa');
    expect(await shown('eu.shop.example', ecdsa)).toBe('shop-ec');
    expect(await shown('eu.shop.example', rsa)).toBe('shop-rsa');
    // A name goes before a pattern, and `*` is one label.
    expect(await shown('admin.shop.example')).toBe('admin');
    expect(await shown('a.b.shop.example')).toBe('first');
    // Nobody's name, and no name at all.
    expect(await shown('other.example')).toBe('first');
    expect(await shown('')).toBe('first');
    // Who understands none of the keys of the name is refused, and not served with those of another.
    await expect(shown('admin.shop.example', rsa)).rejects.toThrow();

    // With TLS 1.3 too, and the certificates verify.
    const { socket } = await handshake(limpet.port, { servername: 'eu.shop.example', ca: authority.cert });
    expect(JSON.parse(await getOn(socket, '/x', 'eu.shop.example'))).toMatchObject({ server: 'a', url: '/x' });
    expect(socket.getProtocol()).toBe('TLSv1.3');
    socket.destroy();
    for (const protocol of secureProtocols)
      for (const name of ['first.example', 'shop.example', 'eu.shop.example', 'admin.shop.example'])
        for (const options of [{}, { maxVersion: 'TLSv1.2' }] as const) {
          await using client = await openSecure(protocol, limpet.port, name, { ca: authority.cert, ...options });
          const reply = await client.ask('/');
          expect([name, reply.status, echoOf(reply).server]).toEqual([name, 200, 'a']);
        }
  });
});
