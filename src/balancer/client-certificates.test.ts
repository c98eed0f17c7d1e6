/** Headers with what is in a client's certificate, on a listener that asks for none: no client can write them there. */
import { expect, test } from 'vitest';
import { PlayNet } from '../../test/support/play-net.ts';
import { readConfig } from '../config/read.ts';
import { createSingleWorker } from '../shared/single-worker.ts';
import { Balancer } from './balancer.ts';

const headers = { subject: 'X-Client-Subject', fingerprint: 'X-Client-Fingerprint' };
const tls = { certificates: [{ cert: 'a', key: 'a' }], clientCertificates: { ca: 'a', headers } };
const config = {
  listeners: [
    { address: '127.0.0.1:80', trustedProxies: ['10.0.0.0/8'] },
    { address: '127.0.0.1:443', tls },
  ],
  pools: { app: { servers: ['127.0.0.1:1'], affinity: 'none', health: { passive: false } } },
  keys: ['k'.repeat(40)],
};

test.each(['192.0.2.1', '10.0.0.1'])('what %s sends by their names reaches no server', async (client) => {
  const { options } = readConfig(config, { source: { name: 'test', locate: () => null }, env: {}, variables: false });
  const [plain] = options.listeners;
  const { shared, numbers } = createSingleWorker(options, 1_700_000_000);
  const received: string[] = [];
  const net = new PlayNet((_server, request) => {
    received.push(request);
    return 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
  });
  const limpet = new Balancer(options, {
    net,
    shared,
    numbers,
    secret: Buffer.alloc(32, 7),
    report() {},
    announceRoom() {},
    reportShortage() {},
    writeAccess: (_lines, done) => done(),
  });
  // The listener with TLS is another worker's.
  await limpet.start([80, null]);
  const forged = [
    'X-Client-Subject: CN=root',
    'x_client_subject: CN=root',
    'X-CLIENT-FINGERPRINT: 00',
    'X-Client: kept',
  ];
  const lines = ['POST / HTTP/1.1', 'Host: a', ...forged, 'Transfer-Encoding: chunked', '', ''];
  const body = '1\r\nx\r\n0\r\nX-Client-Subject: CN=root\r\nX-Kept: 1\r\n\r\n';
  const answer = net.request(plain!.address, client, Buffer.from(`${lines.join('\r\n')}${body}`));
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /);
  const text = received.join('');
  expect(text).toContain('X-Client: kept\r\n');
  expect(text).toContain('0\r\nX-Kept: 1\r\n\r\n');
  expect(text).not.toMatch(/root|fingerprint/i);
  await limpet.stop();
});
