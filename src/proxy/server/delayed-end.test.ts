/** The regular end of a connection whose request cannot be completed. */
import { expect, test } from 'vitest';
import { FakePeer } from '../../../test/support/fake-net.ts';
import { Wheel } from '../../time/wheel.ts';
import { DelayedEnd } from './delayed-end.ts';

function stage() {
  const wheel = new Wheel(1000);
  const peer = FakePeer.connected();
  peer.paused = true;
  new DelayedEnd(wheel, peer);
  const advance = (ms: number): void => {
    for (let left = ms; left > 0; left -= 100) wheel.turn(wheel.now + 100);
  };
  return { peer, advance };
}

test('the server gets FIN behind what was written, and the connection closes when it has ended its side', () => {
  const { peer } = stage();
  expect([peer.ended, peer.paused, peer.state]).toEqual([true, false, 'open']);
  peer.send('HTTP/1.1 400 Bad Request\r\n\r\n');
  expect(peer.state).toBe('open');
  peer.handler.onEnd();
  expect(peer.state).toBe('closed');
});

test('a server that takes nothing, and does not end, is reset after 30 s', () => {
  const { peer, advance } = stage();
  advance(29_000);
  peer.handler.onDrain();
  advance(29_000);
  expect(peer.state).toBe('open');
  advance(2000);
  expect(peer.state).toBe('reset');
});

test('nothing is left to do once it is gone', () => {
  const { peer, advance } = stage();
  peer.leave(null);
  advance(60_000);
  expect(peer.state).toBe('gone');
});
