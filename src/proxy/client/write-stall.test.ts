import { expect, test, vi } from 'vitest';
import { stageBalancer } from '../../../test/support/stage-balancer.ts';
import { SendQueues } from '../../net/send-queue.ts';
import { WriteStall } from './write-stall.ts';

test.each([
  ['takes nothing', [900, 900], [false, true]],
  ['takes something each time', [900, 899, 898, 897], [false, false, false, false]],
  ['pauses for less than its time', [900, 800, 800, 700, 700], [false, false, false, false, false]],
  ['stops', [900, 800, 800, 800], [false, false, false, true]],
  ['is sent more', [900, 1000], [false, true]],
])('a client that %s', (_, looks, stalled) => {
  const stall = new WriteStall();
  // An earlier response does not count.
  stall.hasStalled(1);
  stall.begin();
  expect(looks.map((bytes) => stall.hasStalled(bytes))).toEqual(stalled);
});

const get = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const head = 'HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n';

/** A client whose socket buffers as much as ever. `isComplete`: all of the response has come. */
function slowReader(isComplete: boolean) {
  const balancer = stageBalancer({ affinity: 'none', timeouts: { responseBody: '10m' } });
  const client = balancer.connect();
  client.send(get);
  balancer.endTurn();
  const server = balancer.net.last;
  server.open();
  client.slow = true;
  server.send(`${head}${'x'.repeat(isComplete ? 900_000 : 100_000)}`);
  return { balancer, client };
}

test.each([
  ['in the middle of its response', false],
  ['behind its response', true],
])('a client that is slow %s stays while its kernel takes anything, and goes when that stops', (_, isComplete) => {
  let held = 4_000_000;
  const queue = vi.spyOn(SendQueues.prototype, 'heldFor').mockImplementation(() => held);
  const { balancer, client } = slowReader(isComplete);
  for (let second = 0; second < 300; second++) {
    if (second % 10 === 0) held -= 1000;
    balancer.advance(1000);
    expect([second, client.state]).toEqual([second, 'open']);
  }
  for (let second = 0; second < 50; second++) balancer.advance(1000);
  expect(client.state).toBe('reset');
  queue.mockRestore();
});
