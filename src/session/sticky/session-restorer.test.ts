import { describe, expect, test } from 'vitest';
import { headerOf, StickyStage, sessionId } from '../../../test/session/support/sticky-stage.ts';
import { SessionRestorer } from './session-restorer.ts';
import type { ReadResult } from './store-client.ts';

const minute = 60_000;
const copy = (epoch: number, version: number): ReadResult => ({
  state: 'live',
  text: '{"a":1}',
  epoch,
  version,
  ttlMs: 60_000,
});

describe('a session that moved here', () => {
  test('is read once, however many requests wait for it', async () => {
    const stage = new StickyStage();
    const { promise, resolve } = Promise.withResolvers<ReadResult>();
    stage.client.reads = () => promise;
    const restorer = new SessionRestorer(stage.context);
    const header = headerOf({ epoch: 2, version: 5, reason: 'rebind' });
    const first = restorer.restore(header);
    const second = restorer.underWay(header);
    expect(restorer.underWay(headerOf({ epoch: 3 }))).toBeNull();
    resolve(copy(2, 5));
    const live = await first;
    expect([await second, stage.client.calls]).toEqual([live, ['read abab']]);
    expect(live).toMatchObject({ data: { a: 1 }, encoded: '{"a":1}', version: 5, storedVersion: 5, epoch: 2 });
    expect([stage.registry.peek(sessionId), restorer.underWay(header)]).toEqual([live, null]);
  });

  test('comes with the header when that has its state', async () => {
    const stage = new StickyStage();
    const state = { text: '{"a":2}', ttlMs: 60_000 };
    const live = await new SessionRestorer(stage.context).restore(headerOf({ version: 7, state }));
    expect([live?.data, live?.version, stage.client.calls]).toEqual([{ a: 2 }, 7, []]);
  });

  test.each([
    ['', 45, 0],
    ['', 30, 15],
    ['idle:240', 6, 0],
    ['idle:240', 5, 1],
    ['idle:240', 45, 0],
  ])(
    'was put when its copy began to last (allow=%s): with %i minutes left, %i minutes ago',
    async (allow, left, ago) => {
      const stage = new StickyStage();
      stage.client.reads = async () => ({ ...copy(1, 1), ttlMs: left * minute }) as ReadResult;
      const live = await new SessionRestorer(stage.context).restore(headerOf({ version: 1, allow }));
      expect((stage.time.now() - live!.lastPutAt) / minute).toBe(ago);
    },
  );

  test('has ended: that is remembered', async () => {
    const stage = new StickyStage();
    stage.client.reads = async () => ({ state: 'ended' });
    expect(await new SessionRestorer(stage.context).restore(headerOf())).toBeNull();
    expect(stage.registry.endOf(sessionId, stage.time.now())).toBeNull();
  });

  test('is not used at an epoch that is later than the request', async () => {
    const stage = new StickyStage();
    stage.client.reads = async () => copy(3, 1);
    await expect(new SessionRestorer(stage.context).restore(headerOf({ epoch: 2 }))).rejects.toThrow(
      'the session is at epoch 3, the request came with 2',
    );
  });

  test('is never replaced by an empty one when its copy is lost', async () => {
    const stage = new StickyStage();
    const restorer = new SessionRestorer(stage.context);
    await expect(restorer.restore(headerOf({ version: 4 }))).rejects.toMatchObject({ code: 'session-lost' });
    expect(await restorer.restore(headerOf({ version: 0 }))).toMatchObject({ data: {}, version: 0 });
  });

  test('is the object of a later epoch that another request has brought meanwhile', async () => {
    const stage = new StickyStage();
    const { promise, resolve } = Promise.withResolvers<ReadResult>();
    stage.client.reads = () => promise;
    const restoring = new SessionRestorer(stage.context).restore(headerOf({ version: 1 }));
    const brought = stage.live({ a: 3 });
    resolve(copy(1, 1));
    expect(await restoring).toBe(brought);
  });
});
