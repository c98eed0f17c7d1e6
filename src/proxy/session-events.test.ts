import { expect, test } from 'vitest';
import { stageBalancer } from '../../test/support/stage-balancer.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';

test('a session whose server has failed is reported as rescued, once, under the tag of the access log; a healthy one is not', () => {
  const balancer = stageBalancer({ affinity: [{ learn: { cookie: 'sid' } }], health: { passive: false } }, 2);
  const client = balancer.connect();
  const ask = () => {
    client.send('GET / HTTP/1.1\r\nHost: a\r\nCookie: sid=s3cret\r\n\r\n');
    balancer.endTurn();
  };
  ask();
  const [first] = balancer.net.peers;
  first!.open();
  first!.send(ok);
  ask();
  first!.send(ok);
  balancer.advance(1000);
  expect(balancer.sessionEvents).toEqual([]);
  ask();
  first!.leave(new Error('read ECONNRESET'));
  balancer.endTurn();
  balancer.net.peers[1]!.fail('connect ECONNREFUSED', 'ECONNREFUSED');
  balancer.endTurn();
  balancer.net.peers[2]!.open();
  balancer.net.peers[2]!.send(ok);
  ask();
  balancer.net.peers[2]!.send(ok);
  balancer.advance(1000);
  const records = balancer.accessLines();
  const [from, to] = [records[0]?.server, records.at(-1)?.server];
  expect(from).not.toBe(to);
  const { session } = records[0]!;
  const reason = 'its server has failed a request';
  const fields = { pool: 'app', session, from, to, reason, copied: false };
  expect(balancer.sessionEvents).toEqual([{ name: 'session.rescued', fields }]);
});

test('a session that the app ends is reported', () => {
  const balancer = stageBalancer({ affinity: [{ learn: { cookie: 'sid' } }] }, 2);
  const client = balancer.connect();
  client.send('GET / HTTP/1.1\r\nHost: a\r\nCookie: sid=one\r\n\r\n');
  balancer.endTurn();
  const [server] = balancer.net.peers;
  server!.open();
  server!.send('HTTP/1.1 200 OK\r\nSet-Cookie: sid=; Max-Age=0\r\nContent-Length: 0\r\n\r\n');
  balancer.advance(1000);
  expect(balancer.sessionEvents.map(({ name, fields }) => [name, fields.reason])).toEqual([
    ['session.ended', 'the app has ended it'],
  ]);
});
