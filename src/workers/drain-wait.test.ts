import { expect, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import type { DrainState } from '../admin/schemas.ts';
import { DrainWait } from './drain-wait.ts';

function stage() {
  const time = new HandTime();
  const stage = {
    time,
    waitingFor: { inflight: 0, streams: 0, tunnels: 0, uncopied: 0 },
    exists: true,
    isSafe: true,
    censuses: 0,
    wait(ms: number, signal?: AbortSignal) {
      const now = (): DrainState | 'no-such-server' => {
        const { inflight, uncopied } = stage.waitingFor;
        if (!stage.exists) return 'no-such-server';
        return { drained: inflight === 0 && uncopied === 0, state: 'draining', waitingFor: stage.waitingFor };
      };
      const isSafe = (): Promise<boolean> => {
        stage.censuses++;
        return Promise.resolve(stage.isSafe);
      };
      let result: DrainState | 'no-such-server' | null = null;
      void new DrainWait({ timers: time, now, isSafe }).wait(ms, signal).then((found) => {
        result = found;
      });
      return async (advance: number) => {
        for (let left = advance; left >= 0; left -= 100) {
          for (let turn = 0; turn < 10; turn++) await Promise.resolve();
          if (left > 0) time.advance(100);
        }
        return result;
      };
    },
  };
  return stage;
}

test('resolves as soon as the last exchange and the last session without a copy are gone', async () => {
  const server = stage();
  server.waitingFor = { inflight: 1, streams: 1, tunnels: 0, uncopied: 2 };
  const after = server.wait(60_000);
  expect(await after(3000)).toBe(null);
  expect(server.censuses).toBe(0);
  server.waitingFor = { inflight: 0, streams: 0, tunnels: 0, uncopied: 0 };
  expect(await after(100)).toMatchObject({ drained: true });
  expect([server.censuses, server.time.pending]).toEqual([1, 0]);
});

test('says what it waits for when its time is over', async () => {
  const server = stage();
  server.waitingFor = { inflight: 0, streams: 0, tunnels: 0, uncopied: 1 };
  server.isSafe = false;
  const after = server.wait(500);
  expect(await after(400)).toBe(null);
  expect(await after(100)).toEqual({ drained: false, state: 'draining', waitingFor: server.waitingFor });
});

test('counts that have expired sessions do not hold it for ever, and the table is not read at each look', async () => {
  const server = stage();
  server.waitingFor = { inflight: 0, streams: 0, tunnels: 0, uncopied: 1 };
  expect(await server.wait(60_000)(5000)).toMatchObject({ drained: true, waitingFor: { uncopied: 0 } });
  server.isSafe = false;
  server.censuses = 0;
  server.waitingFor = { inflight: 0, streams: 0, tunnels: 0, uncopied: 0 };
  expect(await server.wait(60_000)(5000)).toBe(null);
  expect(server.censuses).toBeLessThan(8);
});

test('ends with its signal, and when the server is removed', async () => {
  const server = stage();
  server.waitingFor = { inflight: 1, streams: 0, tunnels: 0, uncopied: 0 };
  server.isSafe = false;
  const abort = new AbortController();
  const after = server.wait(60_000, abort.signal);
  expect(await after(300)).toBe(null);
  abort.abort();
  expect(await after(0)).toMatchObject({ drained: false });
  expect(server.time.pending).toBe(0);
  const other = server.wait(60_000);
  server.exists = false;
  expect(await other(100)).toBe('no-such-server');
});
