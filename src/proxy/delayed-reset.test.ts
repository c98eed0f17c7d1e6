/** A reset that waits until the peer has what was written. */
import { expect, test, vi } from 'vitest';
import { FakePeer } from '../../test/support/fake-net.ts';
import { createWorkerContext } from '../../test/support/worker-context.ts';
import { SendQueues } from '../net/send-queue.ts';
import { DelayedReset } from './delayed-reset.ts';

/** `inKernel`: bytes that the kernel holds; -1: it does not tell. The peer is given up after 5 s without a byte taken. */
function stage(inKernel: number) {
  const worker = createWorkerContext();
  const { wheel } = worker;
  const kernel = { held: inKernel };
  const queue = vi.spyOn(SendQueues.prototype, 'heldFor').mockImplementation(() => kernel.held);
  const peer = FakePeer.connected();
  peer.paused = true;
  let closed = 0;
  new DelayedReset(worker, peer, 5000, () => void closed++);
  /** Ms until it is reset, at most a minute. */
  const msUntilReset = (eachTick: () => void = () => {}): number => {
    const start = wheel.now;
    while (peer.state === 'open' && wheel.now - start < 60_000) {
      eachTick();
      wheel.turn(wheel.now + 100);
    }
    queue.mockRestore();
    return wheel.now - start;
  };
  return { peer, kernel, msUntilReset, closed: () => closed };
}

test('the kernel has sent everything: at the first check', () => {
  const { peer, msUntilReset } = stage(0);
  expect(peer.paused).toBe(false);
  expect([msUntilReset(), peer.state]).toEqual([100, 'reset']);
});

test('a peer that takes something now and then gets all of it', () => {
  const { kernel, msUntilReset } = stage(1000);
  const ms = msUntilReset(() => void (kernel.held = Math.max(0, kernel.held - 4)));
  // A thousand bytes at 4 in each 100 ms; it is checked once a second.
  expect([ms >= 25_000, ms <= 26_100]).toEqual([true, true]);
});

test('a peer that takes nothing is given up', () => {
  const { kernel, peer, msUntilReset } = stage(1000);
  const ms = msUntilReset();
  expect([kernel.held, peer.state, ms >= 5000, ms <= 6100]).toEqual([1000, 'reset', true, true]);
});

test('where the kernel does not tell: 2 s after the last byte was given to it', () => {
  const { peer, msUntilReset } = stage(-1);
  peer.pending = 10;
  let ticks = 0;
  const ms = msUntilReset(() => void (peer.pending = ++ticks < 15 ? 10 : 0));
  expect([ms >= 3400, ms <= 4600]).toEqual([true, true]);
});

test('it has the socket: bytes of the peer are ignored, and its end is told once', () => {
  const { peer, closed, msUntilReset } = stage(1000);
  peer.send('late');
  peer.handler.onEnd();
  peer.handler.onDrain();
  expect([peer.state, closed()]).toEqual(['open', 0]);
  peer.leave(null);
  expect(closed()).toBe(1);
  msUntilReset();
  expect([peer.state, closed()]).toEqual(['gone', 1]);
});
