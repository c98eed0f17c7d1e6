import { describe, expect, test } from 'vitest';
import { h2Errors } from './errors.ts';
import { nextState, type StreamEvent, type StreamState, Streams } from './streams.ts';

describe('the state of a stream (section 5.1)', () => {
  test.each<[StreamState, StreamEvent, StreamState]>([
    ['open', 'end-sent', 'half-closed-local'],
    ['open', 'end-received', 'half-closed-remote'],
    ['open', 'reset', 'closed'],
    ['half-closed-local', 'end-sent', 'half-closed-local'],
    ['half-closed-local', 'end-received', 'closed'],
    ['half-closed-local', 'reset', 'closed'],
    ['half-closed-remote', 'end-sent', 'closed'],
    ['half-closed-remote', 'end-received', 'half-closed-remote'],
    ['half-closed-remote', 'reset', 'closed'],
    ['closed', 'end-sent', 'closed'],
    ['closed', 'end-received', 'closed'],
    ['closed', 'reset', 'closed'],
  ])('%s, %s: %s', (state, event, next) => {
    expect(nextState(state, event)).toBe(next);
  });

  test('says who may still send', () => {
    const streams = new Streams(true);
    streams.usePeerId(1);
    const stream = streams.addPeerStream(1, 10, 20);
    expect([stream.maySend, stream.mayReceive, stream.sendWindow.left, stream.receiveWindow.left]).toEqual([
      true,
      true,
      10,
      20,
    ]);
    expect(streams.change(stream, 'end-received')).toBe(false);
    expect([stream.maySend, stream.mayReceive]).toEqual([true, false]);
    expect(streams.change(stream, 'end-sent')).toBe(true);
    expect([stream.maySend, stream.mayReceive]).toEqual([false, false]);
    expect(streams.change(stream, 'reset')).toBe(false);
  });
});

describe('identifiers (section 5.1.1)', () => {
  test('of clients are odd and go up; those between are closed by that', () => {
    const streams = new Streams(true);
    expect(streams.absent(1)).toBe('idle');
    expect(streams.absent(2)).toBe('idle');
    expect(streams.usePeerId(2)).toBe(h2Errors.badStreamId);
    expect(streams.usePeerId(5)).toBe(null);
    expect(streams.lastPeerId).toBe(5);
    expect([1, 3, 5, 7].map((id) => streams.absent(id))).toEqual(['closed', 'closed', 'closed', 'idle']);
  });

  test('of servers open nothing', () => {
    const streams = new Streams(false);
    expect(streams.usePeerId(2)).toBe(h2Errors.badStreamId);
    expect(streams.usePeerId(1)).toBe(h2Errors.badStreamId);
  });

  test('of this side go up by two, until there are none', () => {
    const streams = new Streams(false);
    expect(streams.absent(1)).toBe('idle');
    expect([1, 2, 3].map(() => streams.addOwnStream(1, 1)?.id)).toEqual([1, 3, 5]);
    expect(streams.absent(7)).toBe('idle');
    Reflect.set(streams, 'nextOwnId', 2 ** 31 - 1);
    expect(streams.addOwnStream(1, 1)?.id).toBe(2 ** 31 - 1);
    expect(streams.addOwnStream(1, 1)).toBe(null);
  });

  test('that this side has reset are remembered, the last 256 of them', () => {
    const streams = new Streams(true);
    for (let id = 1; id <= 2 * 257; id += 2) {
      streams.usePeerId(id);
      streams.rememberReset(id);
    }
    expect([1, 3, 513].map((id) => streams.absent(id))).toEqual(['closed', 'recently-reset', 'recently-reset']);
    // An empty place of the ring is no identifier.
    expect(new Streams(true).absent(0)).toBe('closed');
  });
});

test('to a client a frame of any stream that it has used is no error: it may have reset more than are remembered', () => {
  const streams = new Streams(false);
  streams.change(streams.addOwnStream(0, 0)!, 'reset');
  expect([1, 3, 2].map((id) => streams.absent(id))).toEqual(['recently-reset', 'idle', 'idle']);
});

test('streams that are open or half-closed count (section 5.1.2)', () => {
  const streams = new Streams(true);
  const [one, three] = [1, 3].map((id) => {
    streams.usePeerId(id);
    return streams.addPeerStream(id, 1, 1);
  });
  const own = streams.addOwnStream(1, 1);
  expect([streams.peerCount, streams.ownCount]).toEqual([2, 1]);
  streams.change(one!, 'end-received');
  expect(streams.peerCount).toBe(2);
  streams.change(one!, 'end-sent');
  streams.change(three!, 'reset');
  streams.change(three!, 'reset');
  expect([streams.peerCount, streams.ownCount, streams.get(1), streams.get(2)]).toEqual([0, 1, undefined, own]);
});
