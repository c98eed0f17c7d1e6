import { expect, test } from 'vitest';
import { FakeNet } from '../../test/support/fake-net.ts';
import { HandTime } from '../../test/support/hand-time.ts';
import { fleetOf } from '../../test/support/servers.ts';
import { AgentChecks } from './agent.ts';
import { parseReply } from './agent-reply.ts';

test.each([
  ['ready', { admin: 'ready', reason: '' }],
  ['drain 50%', { admin: 'drain', share: 0.5, reason: '' }],
  ['UP weight:120%, maxconn:30', { works: true, share: 1.2, cap: 30, reason: '' }],
  ['down # disk full', { works: false, reason: 'disk full' }],
  ['maint stopped 0%', { admin: 'maint', works: false, share: 0, reason: '' }],
  ['hello 7', { reason: '' }],
])('%s', (line, reply) => {
  expect(parseReply(line)).toEqual(reply);
});

test('servers are as their agents say, and stay so when an agent is silent', () => {
  const [net, time] = [new FakeNet(), new HandTime()];
  const fleet = fleetOf([1, 1]);
  const told: string[] = [];
  const options = { port: 9999, address: null, interval: 1000 };
  const onChange = ({ name }: { readonly name: string }, reason: string) => void told.push(`${name}: ${reason}`);
  const agents = new AgentChecks({ fleet, options, net, clock: time, timers: time, onChange });
  agents.follow();
  const [first] = fleet.servers;
  const round = (line: string): void => {
    time.advance(1000);
    for (const peer of net.peers.splice(0)) {
      expect(peer.address).toMatchObject({ port: 9999 });
      if (line === '') peer.fail('no');
      else {
        peer.open();
        peer.send(line);
      }
    }
  };
  round('drain\n');
  expect([first!.state, fleet.snapshot.up.length]).toEqual(['draining', 0]);
  round('');
  expect(first!.state).toBe('draining');
  round('down #sick\n');
  expect(first!.state).toBe('down');
  round('ready up 50% maxconn:1\n');
  expect([first!.state, fleet.snapshot.weights[0]]).toEqual(['up', 0.5]);
  expect([first!.enter(), first!.hasRoom]).toEqual([true, false]);
  expect(told.filter((line) => line.startsWith('s0'))).toEqual([
    's0: its agent says drain, weight 100%, maxconn 0',
    's0: its agent says down, weight 100%, maxconn 0 (sick)',
    's0: its agent says ready, weight 50%, maxconn 1',
  ]);
  agents.stop();
  expect(time.pending).toBe(0);
});
