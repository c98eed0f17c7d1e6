import { describe, expect, test } from 'vitest';
import { clientRoom, Descriptors, refusingRoom, roomFor, serverRoom } from './descriptors.ts';

describe('descriptors', () => {
  test('all workers count in one number, and the share of one that dies is taken off', () => {
    const buffer = Descriptors.create(2);
    const [a, b] = [new Descriptors(buffer, 0), new Descriptors(buffer, 1)];
    a.room = 100;
    for (let i = 0; i < 40; i++) a.add(1);
    for (let i = 0; i < 60; i++) b.add(1);
    b.add(-1);
    expect([a.sockets, b.sockets, a.isFull, a.isTight]).toEqual([99, 99, false, true]);
    a.add(1);
    expect([a.isFull, b.isFull]).toEqual([true, true]);
    b.addClient(7);
    b.forget(0);
    expect([b.sockets, b.isFull, b.isTight]).toEqual([59, false, false]);
    a.forget(1);
    expect([a.sockets, a.clientsOver]).toEqual([0, -clientRoom(100)]);
  });

  test('where no limit is known there is none', () => {
    const free = Descriptors.single();
    free.add(1_000_000);
    free.addClient(1_000_000);
    expect([free.isFull, free.isTight, free.clientsOver]).toEqual([false, false, -1]);
  });

  test('every client that is let in can have a connection to a server, up to 4096 at a time', () => {
    for (let room = 8; room < 30_000; room++) {
      const clients = clientRoom(room);
      expect(clients).toBeGreaterThan(0);
      expect(clients + Math.min(clients, 4096) + refusingRoom(room)).toBeLessThanOrEqual(room);
      expect(serverRoom(room)).toBeGreaterThanOrEqual(Math.min(clients, 4096));
    }
  });

  test('the room for so many clients is enough for them', () => {
    for (const clients of [1, 16, 100, 1000, 4000, 4096, 4097, 10_000, 100_000]) {
      expect(clientRoom(roomFor(clients))).toBeGreaterThanOrEqual(clients);
    }
  });
});
