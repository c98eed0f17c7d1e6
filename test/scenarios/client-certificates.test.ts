/** Clients with certificates: who is let in, what the server is told of them, and that each certificate leads to its server. */
import { X509Certificate } from 'node:crypto';
import type { ConnectionOptions } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { TestAuthority } from '../support/certificates.ts';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, echoOf, together, valuesIn } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { CertificateFiles, openSecure, secureProtocols } from '../support/secure-client.ts';
import { onlyOver } from '../support/transport.ts';

const day = 86_400_000;
const clients = new TestAuthority('Clients');
const issue = (subject: string, from = -60_000, until = 90 * day, authority = clients) => {
  const { cert, key } = authority.issue([`${subject}.client`], { subject, use: 'client', from, until });
  return { cert, key };
};
const alice = issue('alice');
const bob = issue('bob');
const bad: Record<string, ConnectionOptions> = {
  'of another authority': issue('mallory', -60_000, day, new TestAuthority('Others')),
  // The same name as ours, another key.
  'of an authority that only has the name': issue('mallory', -60_000, day, new TestAuthority('Clients')),
  expired: issue('late', -2 * day, -day),
  'not valid yet': issue('early', day, 2 * day),
};
const headers = { subject: 'X-Client-Subject', fingerprint: 'X-Client-Fingerprint', altNames: 'X-Client-San' };
const fingerprintOf = ({ cert }: { cert: string }) =>
  new X509Certificate(cert).fingerprint256.replaceAll(':', '').toLowerCase();
const forged = {
  'x-client-subject': 'CN=root',
  'x-client-fingerprint': '00',
  'x-client-san': 'DNS:root',
  x_client_subject: 'CN=root',
};
const toldOf = (reply: { body: string }) =>
  ['x-client-subject', 'x-client-fingerprint', 'x-client-san', 'x_client_subject'].map((name) =>
    valuesIn(echoOf(reply).headers, name),
  );

describe.each(runtimes)('on %s', (runtime) => {
  onlyOver('h1', 'it brings its own clients');

  async function open(require: boolean, files: CertificateFiles, pool: Record<string, unknown> = {}) {
    const origins = await together(['a', 'b', 'c'].map((name) => httpOrigin(name)));
    const clientCertificates = { ca: files.put('clients.pem', clients.cert), require, headers };
    const tls = { ...files.tlsFor('a.example'), clientCertificates };
    const config = configFor(origins, { balance: 'round-robin', ...pool });
    const listeners = [{ address: '127.0.0.1:0', tls }, { address: '127.0.0.1:0' }];
    const limpet = await startLimpet(runtime, { config: { ...config, listeners } });
    const dispose = async () => {
      await limpet[Symbol.asyncDispose]();
      await origins[Symbol.asyncDispose]();
    };
    return { limpet, origins, [Symbol.asyncDispose]: dispose };
  }

  test.each(secureProtocols)('they are required, by %s', { timeout: 30_000 }, async (protocol) => {
    using files = new CertificateFiles();
    await using stage = await open(true, files, { affinity: 'none' });
    const { limpet, origins } = stage;
    const get = async (options: ConnectionOptions) => {
      await using client = await openSecure(protocol, limpet.port, 'a.example', {
        ca: files.authority.cert,
        ...options,
      });
      return await client.ask('/', forged);
    };
    expect(toldOf(await get(alice))).toEqual([['CN=alice'], [fingerprintOf(alice)], ['DNS:alice.client'], []]);
    expect(toldOf(await get(bob))).toEqual([['CN=bob'], [fingerprintOf(bob)], ['DNS:bob.client'], []]);
    const served = origins.reduce((sum, { requests }) => sum + requests(), 0);
    await expect(get({})).rejects.toThrow();
    for (const [name, pair] of Object.entries(bad)) await expect(get(pair), name).rejects.toThrow();
    expect(origins.reduce((sum, { requests }) => sum + requests(), 0)).toBe(served);
    expect((await limpet.counters()).tls_handshakes_failed).toBe(1 + Object.keys(bad).length);
    // A listener without TLS knows of no certificate, and believes none.
    expect(toldOf(await ask(`http://${limpet.addresses[1]}/`, { headers: forged }))).toEqual([[], [], [], []]);
  });

  test.each(secureProtocols)('they are welcome, by %s', { timeout: 30_000 }, async (protocol) => {
    using files = new CertificateFiles();
    await using stage = await open(false, files, { affinity: 'none' });
    const get = async (options: ConnectionOptions) => {
      const all = { ca: files.authority.cert, ...options };
      await using client = await openSecure(protocol, stage.limpet.port, 'a.example', all);
      return await client.ask('/', forged);
    };
    expect(toldOf(await get(alice))[0]).toEqual(['CN=alice']);
    expect(toldOf(await get({}))).toEqual([[], [], [], []]);
    for (const [name, pair] of Object.entries(bad)) await expect(get(pair), name).rejects.toThrow();
  });

  test('each leads to its server, and who has none to that of his cookie', { timeout: 30_000 }, async () => {
    using files = new CertificateFiles();
    await using stage = await open(false, files, { affinity: ['client-certificate', 'cookie'] });
    const people = [alice, bob, ...Array.from({ length: 10 }, (_, i) => issue(`client ${i}`))];
    const homes = new Map<unknown, string>();
    for (let round = 0; round < 3; round++)
      for (const protocol of secureProtocols)
        for (const one of people) {
          const options = { ca: files.authority.cert, ...one };
          await using client = await openSecure(protocol, stage.limpet.port, 'a.example', options);
          for (let i = 0; i < 2; i++) {
            const reply = await client.ask();
            expect(reply.headers['set-cookie']).toBeUndefined();
            const { server } = echoOf(reply);
            expect(homes.get(one) ?? server).toBe(server);
            homes.set(one, server);
          }
        }
    expect(new Set(homes.values()).size).toBeGreaterThan(1);
    await using stranger = await openSecure('h2', stage.limpet.port, 'a.example', { ca: files.authority.cert });
    const [cookie] = (await stranger.ask()).headers['set-cookie'] ?? [];
    expect(cookie).toContain('limpet=');
  });
});
