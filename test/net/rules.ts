/** The rules of TLS that the cases use, with certificates that exist for this run only. */
import type { ClientTls, ServerTls } from '../../src/net/tls.ts';
import { Authority } from './openssl.ts';

export const authority = new Authority('Authority of the test');
export const stranger = new Authority('Authority of somebody else');
process.once('exit', () => {
  authority.dispose();
  stranger.dispose();
});

const localNames = 'DNS:local.test,DNS:localhost,IP:127.0.0.1,IP:::1';

export const pairs = {
  local: authority.issue({ subject: '/CN=local', altNames: localNames }),
  localRsa: authority.issue({ subject: '/CN=local-rsa', altNames: localNames, key: 'rsa' }),
  shop: authority.issue({ subject: '/CN=shop', altNames: 'DNS:shop.test,DNS:*.shop.test' }),
  renewed: authority.issue({ subject: '/CN=renewed', altNames: localNames }),
  expired: authority.issue({ subject: '/CN=expired', altNames: localNames, days: -1 }),
  foreign: stranger.issue({ subject: '/CN=foreign', altNames: localNames }),
  alice: authority.issue({
    subject: '/C=DE/O=Example, Inc./CN=alice',
    altNames: 'DNS:alice.test,URI:spiffe://test/alice,email:alice@test,IP:192.0.2.1',
  }),
  late: authority.issue({ subject: '/CN=late', altNames: 'DNS:late.test', days: -1 }),
  mallory: stranger.issue({ subject: '/CN=mallory', altNames: 'DNS:alice.test' }),
};

export const serverRules: ServerTls = {
  identities: [{ names: ['local.test'], pairs: [pairs.local] }],
  protocols: ['h2', 'http/1.1'],
  minVersion: 'TLSv1.2',
  ciphers: '',
  clients: null,
  ticketKeys: null,
};

export const clientRules: ClientTls = {
  sni: 'local.test',
  ca: authority.cert,
  pair: null,
  verify: true,
  protocols: ['http/1.1'],
  minVersion: 'TLSv1.2',
};
