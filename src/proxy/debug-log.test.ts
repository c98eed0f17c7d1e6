import { expect, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import { stageBalancer } from '../../test/support/stage-balancer.ts';
import { DebugLog } from './debug-log.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
const secret = 's3cret';

test('tells of connections, of requests that are tried again, and of sessions that move, and nothing of what clients send', () => {
  const balancer = stageBalancer({ affinity: [{ learn: { cookie: 'sid' } }], health: { passive: false } }, 2);
  const client = balancer.connect();
  const ask = () => {
    client.send(`GET /${secret}?a=${secret} HTTP/1.1\r\nHost: ${secret}\r\nCookie: sid=${secret}\r\n\r\n`);
    balancer.endTurn();
  };
  ask();
  const [first] = balancer.net.peers;
  first!.open();
  first!.send(ok);
  // The pooled connection has gone, the server with it.
  ask();
  first!.leave(new Error('read ECONNRESET'));
  balancer.endTurn();
  const [, second] = balancer.net.peers;
  second!.fail('connect ECONNREFUSED', 'ECONNREFUSED');
  balancer.endTurn();
  const [, , third] = balancer.net.peers;
  third!.open();
  third!.send(ok);
  const told = balancer.debugLines.join('\n');
  expect(told).not.toContain(secret);
  const [from, to] = first!.address.kind === 'tcp' && first!.address.port === 2 ? ['a', 'b'] : ['b', 'a'];
  const at = (name: string) => `app/${name} (127.0.0.1:${name === 'a' ? 2 : 3})`;
  expect(balancer.debugLines).toEqual([
    `connected to server ${at(from!)}`,
    `attempt 1 of a request failed at server app/${from}: closed-early; sent once more to the same server, over a fresh connection`,
    `connection to server ${at(from!)} is over: read ECONNRESET`,
    `no connection to server ${at(from!)}: connect ECONNREFUSED`,
    `attempt 1 of a request failed at server app/${from}: connect-refused; tried again, if a server is left`,
    `connected to server ${at(to!)}`,
    `a session of app/${from} is with app/${to} now, epoch 2: its owner has failed`,
  ]);
});

test('says at most so many lines in a second, and how many it has dropped', () => {
  const said: string[] = [];
  const time = new HandTime();
  const log = new DebugLog((message) => said.push(message), time);
  const server = { name: 'a', address: { kind: 'tcp', host: 'h', port: 1 } } as const;
  for (let n = 0; n < 1500; n++) log.connected('app', server);
  expect(said).toHaveLength(1000);
  time.advance(1000);
  log.connected('app', server);
  expect(said.slice(1000)).toEqual([
    '500 lines like the next one were dropped: more than 1000 in a second',
    'connected to server app/a (h:1)',
  ]);
});
