/** A response whose body turns out to be none: what came before that is delivered, however the reads fall. */
import { expect, test } from 'vitest';
import { stageBalancer } from '../../test/support/stage-balancer.ts';

const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

test.each([
  ['in reads of their own', [head, '3\r\nabc\r\n', '3\r\ndef\r\n', 'no chunk\r\n']],
  ['with a chunk in the same read', [head, '3\r\nabc\r\n', '3\r\ndef\r\nno chunk\r\n']],
  ['with two in the same read', [head, '3\r\nabc\r\n3\r\ndef\r\nno chunk\r\n']],
  ['within a chunk', [head, '3\r\nabc\r\n', '3\r\ndefno chunk\r\n']],
])('bytes that are no chunk come %s', (_, reads) => {
  const balancer = stageBalancer({ affinity: 'none', retry: { attempts: 1 } });
  const client = balancer.connect();
  client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  balancer.endTurn();
  const [server] = balancer.net.peers;
  server!.open();
  for (const read of reads) {
    server!.send(read);
    balancer.endTurn();
  }
  const [, body = ''] = client.received.split('\r\n\r\n');
  expect(body.replaceAll(/[36]\r\n|\r\n/g, '')).toBe('abcdef');
  expect(client.received).not.toContain('\r\n0\r\n');
  expect([client.ended, server!.state]).toEqual([true, 'reset']);
});
