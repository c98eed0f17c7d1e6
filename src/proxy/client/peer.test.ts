/** What servers and clients are told of the connection itself: who is at its other end, and that it is encrypted. */
import { expect, test } from 'vitest';
import { FakePeer } from '../../../test/support/fake-net.ts';
import { requestWith, textOf } from '../../../test/support/heads.ts';
import { HeadWriter } from '../../http/writer.ts';
import type { TlsSession } from '../../net/tls.ts';
import { CertificateHeaders } from './certificate-headers.ts';
import { Peer, type PeerSettings } from './peer.ts';

const names = { subject: 'X-Subject', fingerprint: '', altNames: '' };
const settings: PeerSettings = {
  name: 'test',
  isTrusted: () => false,
  hsts: 'Strict-Transport-Security: max-age=1\r\n',
  certificates: new CertificateHeaders(names, () => {}),
};
const session: TlsSession = {
  protocol: 'http/1.1',
  serverName: 'a',
  version: 'TLSv1.3',
  cipher: 'x',
  resumed: false,
  clientCertificate: { subject: 'CN=alice', fingerprint: 'ab', altNames: [], serialNumber: '1', notAfter: 0 },
};

function connected(tls: TlsSession | null): FakePeer {
  return Object.assign(FakePeer.connected(), { secure: tls !== null, tls });
}

function written(peer: Peer): string[] {
  const out = new HeadWriter(16);
  peer.writeForwarded(requestWith('X-Forwarded-Proto: https'), out);
  return textOf(out).split('\r\n').slice(0, -1);
}

const forwarded = (proto: string) => [
  'Via: 1.1 limpet',
  'X-Forwarded-For: 127.0.0.1',
  `X-Forwarded-Proto: ${proto}`,
  `Forwarded: for=127.0.0.1;proto=${proto};host="a"`,
  'X-Forwarded-Host: a',
];

test('a client with a certificate', () => {
  const peer = new Peer(connected(session), settings, '1.1');
  expect(written(peer)).toEqual(['X-Subject: CN=alice', ...forwarded('https')]);
  // The same for the next request of the connection.
  expect(written(peer)).toEqual(['X-Subject: CN=alice', ...forwarded('https')]);
  expect([peer.isSecure, peer.certificate, peer.hsts]).toEqual([true, session.clientCertificate, settings.hsts]);
});

test('a client of HTTP/2', () => {
  for (const isTrusted of [false, true]) {
    const peer = new Peer(connected(session), { ...settings, isTrusted: () => isTrusted }, '2.0');
    for (let i = 0; i < 3; i++) expect(written(peer)[1]).toBe('Via: 2.0 limpet');
  }
});

test('a client without one, and one whose listener tells nothing of it', () => {
  const without = new Peer(connected({ ...session, clientCertificate: null }), settings, '1.1');
  expect([written(without), without.certificate]).toEqual([forwarded('https'), null]);
  expect(written(new Peer(connected(session), { ...settings, certificates: null }, '1.1'))).toEqual(forwarded('https'));
});

test('without TLS there is no certificate, and no word of HSTS', () => {
  const plain = new Peer(connected(null), settings, '1.1');
  expect([written(plain), plain.certificate, plain.hsts]).toEqual([forwarded('http'), null, '']);
});

test('a trusted proxy with a certificate of its own', () => {
  const proxy = new Peer(connected(session), { ...settings, isTrusted: () => true }, '1.1');
  expect(written(proxy).slice(0, 3)).toEqual(['X-Subject: CN=alice', 'Via: 1.1 limpet', 'X-Forwarded-For: 127.0.0.1']);
});
