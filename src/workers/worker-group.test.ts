/** The states of a worker, with threads that the test drives by hand. worker-group-threads.test.ts has real threads. */
import { describe, expect, test } from 'vitest';
import { FakeWorkers, settle } from '../../test/support/fake-worker.ts';
import { HandTime } from '../../test/support/hand-time.ts';
import type { WorkerConfig, WorkerInit } from './messages.ts';
import { WorkerGroup } from './worker-group.ts';

function stage(count: number) {
  const time = new HandTime();
  const workers = new FakeWorkers();
  const warnings: string[] = [];
  const calls: string[] = [];
  let version = 1;
  const configFor = () =>
    ({ options: { listeners: [{}] }, versions: { configs: version, health: 0 } }) as unknown as WorkerConfig;
  const group = new WorkerGroup({
    spawn: workers.spawn,
    count,
    clock: time,
    timers: time,
    log: { warn: (text) => void warnings.push(text.split('\n')[0] ?? '') },
    initFor: (worker) => ({ worker, config: configFor(), store: null }) as unknown as WorkerInit,
    configFor,
    configVersion: () => version,
    onListening: (worker, { ports }) => void calls.push(`${worker} listens on ${ports.join()}`),
    onEvent: (event, worker, reply) => {
      calls.push(`${worker}: ${event.kind}`);
      if (event.kind === 'access-lines') reply({ kind: 'access-written' });
    },
    onLost: (worker) => void calls.push(`${worker} is lost`),
  });
  const started = async () => {
    const start = group.start();
    workers.get(0).listen();
    await settle();
    for (let worker = 1; worker < count; worker++) workers.get(worker).listen();
    await start;
    calls.splice(0);
  };
  const publish = () => ++version;
  return { group, time, workers, warnings, calls, started, publish };
}

describe('the start', () => {
  test('is of the first worker alone, whose port is that of all, and then of the others together', async () => {
    const { group, workers, calls } = stage(3);
    const start = group.start();
    await settle();
    expect(workers.all).toHaveLength(1);
    workers.get(0).listen(4000);
    await settle();
    expect(workers.all.map(({ init }) => init.worker)).toEqual([0, 1, 2]);
    workers.get(2).listen(4000);
    workers.get(1).listen(4000);
    await start;
    expect(calls).toEqual(['0 listens on 4000', '2 listens on 4000', '1 listens on 4000']);
  });

  test('fails with the error of a worker that cannot listen, and leaves no thread', async () => {
    const { group, time, workers, warnings, calls } = stage(3);
    const start = expect(group.start()).rejects.toMatchObject({ message: 'in use', code: 'EADDRINUSE' });
    workers.get(0).listen();
    await settle();
    workers.get(2).cannotStart('in use', 'EADDRINUSE');
    await start;
    expect(workers.all.map(({ state }) => state)).toEqual(['terminated', 'terminated', 'terminated']);
    expect([warnings, calls, time.pending]).toEqual([[], ['0 listens on 8080'], 0]);
  });
});

describe('a worker that fails', () => {
  test('is replaced after 0, 100, 200 ms and so on, and at once again when it has run for a minute', async () => {
    const { time, workers, warnings, calls, started } = stage(1);
    await started();
    workers.get(0).crash('first');
    expect(calls.splice(0)).toEqual(['0 is lost']);
    for (const pauseMs of [0, 100, 200, 400]) {
      const before = workers.all.length;
      if (pauseMs > 0) time.advance(pauseMs - 1);
      expect(workers.all).toHaveLength(before);
      time.advance(pauseMs > 0 ? 1 : 0);
      expect(workers.all).toHaveLength(before + 1);
      workers.get(0).crash('again');
      await settle();
    }
    time.advance(800);
    workers.get(0).listen();
    await settle();
    time.advance(60_000);
    workers.get(0).crash('later');
    time.advance(0);
    expect(workers.get(0).state).toBe('running');
    expect(warnings).toEqual([
      'worker 1 failed and is replaced: Error: first',
      ...Array(4).fill('worker 1 failed and is replaced: Error: again'),
      'worker 1 failed and is replaced: Error: later',
    ]);
  });

  test('leaves the others alone, and the one that takes its place begins with the newest config', async () => {
    const { group, time, workers, started, publish } = stage(2);
    await started();
    workers.get(1).crash('gone');
    publish();
    time.advance(0);
    expect(workers.get(1).init.config.versions.configs).toBe(2);
    expect(workers.get(0).state).toBe('running');
    group.broadcast({ kind: 'room', pool: 'shop' });
    expect(workers.get(0).received).toEqual([{ kind: 'room', pool: 'shop' }]);
  });

  test('to start is tried again: it cannot listen, there is no thread for it, or it does not listen for a minute', async () => {
    const { time, workers, warnings, started } = stage(1);
    await started();
    workers.get(0).crash('gone');
    time.advance(0);
    workers.get(0).cannotStart('in use', 'EADDRINUSE');
    await settle();
    workers.failing = 1;
    time.advance(100);
    await settle();
    time.advance(200);
    await settle();
    time.advance(60_000);
    await settle();
    expect(warnings.map((line) => line.replace('worker 1 failed and is replaced: Error: ', ''))).toEqual([
      'gone',
      'in use',
      'no more threads',
      'it does not listen after 60000 ms',
    ]);
    time.advance(400);
    workers.get(0).listen();
  });
});

describe('another config', () => {
  test('is applied by the first worker, and then by the others', async () => {
    const { group, workers, calls, started, publish } = stage(3);
    await started();
    publish();
    const reload = group.reload();
    await settle();
    expect(workers.all.map(({ pendingConfig }) => pendingConfig?.versions.configs)).toEqual([2, undefined, undefined]);
    workers.get(0).reloaded();
    await settle();
    for (const worker of [1, 2]) workers.get(worker).reloaded();
    await reload;
    expect(calls).toEqual(['0 listens on 8080', '1 listens on 8080', '2 listens on 8080']);
  });

  test('that the first worker refuses is sent to no other one', async () => {
    const { group, workers, started, publish } = stage(2);
    await started();
    publish();
    const reload = expect(group.reload()).rejects.toMatchObject({ code: 'EACCES' });
    await settle();
    workers.get(0).reloaded({ message: 'no permission', code: 'EACCES' });
    await reload;
    expect(workers.get(1).received).toEqual([]);
  });

  test('at a rollback a worker that refuses is replaced', async () => {
    const { group, time, workers, warnings, started, publish } = stage(1);
    await started();
    publish();
    const reload = group.reload(true);
    await settle();
    workers.get(0).reloaded({ message: 'not even that', code: 'EACCES' });
    await reload;
    expect(warnings).toEqual(['worker 1 failed and is replaced: it ended']);
    time.advance(0);
    expect(workers.get(0).init.config.versions.configs).toBe(2);
  });

  test('that a worker does not answer for 5 s costs that worker, and the reload goes on', async () => {
    const { group, time, workers, calls, started, publish } = stage(2);
    await started();
    publish();
    const reload = group.reload();
    await settle();
    time.advance(5000);
    await settle();
    expect(workers.all[0]?.state).toBe('terminated');
    workers.get(1).reloaded();
    await reload;
    expect(calls).toEqual(['0 is lost', '1 listens on 8080']);
  });

  test('published while a worker starts reaches it when it listens, each in turn until it has the newest', async () => {
    const { group, time, workers, started, publish } = stage(1);
    await started();
    workers.get(0).crash('gone');
    time.advance(0);
    publish();
    const reload = group.reload();
    workers.get(0).listen();
    await settle();
    publish();
    workers.get(0).reloaded();
    await settle();
    expect(workers.get(0).pendingConfig?.versions.configs).toBe(3);
    workers.get(0).reloaded();
    await reload;
    expect(workers.get(0).pendingConfig).toBeUndefined();
  });
});

test('events come with the number of their worker, and a reply goes to that thread only', async () => {
  const { workers, calls, started } = stage(2);
  await started();
  workers.get(1).emit({ kind: 'access-lines', lines: 'one\n' });
  expect(calls).toEqual(['1: access-lines']);
  expect(workers.all.map(({ received }) => received)).toEqual([[], [{ kind: 'access-written' }]]);
});

test('sync resolves when every worker has handled what it was sent, or has ended', async () => {
  const { group, workers, started } = stage(2);
  await started();
  let synced = false;
  const sync = group.sync().then(() => {
    synced = true;
  });
  workers.get(0).synced();
  await settle();
  expect(synced).toBe(false);
  workers.get(1).crash('gone');
  await sync;
});

describe('the stop', () => {
  test('asks all workers at once, replaces nobody any more, and says whether all exchanges finished', async () => {
    const { group, time, workers, calls, started } = stage(2);
    await started();
    const stop = group.stop(1000);
    workers.get(0).stopped(true);
    workers.get(1).stopped(false);
    expect(await stop).toBe(false);
    await group.terminate();
    expect([time.pending, workers.all.length, calls]).toEqual([0, 2, []]);
  });

  test('waits 5 s longer than the limit for a worker that does not answer', async () => {
    const { group, time, workers, started } = stage(1);
    await started();
    let finished: boolean | undefined;
    void group.stop(1000).then((all) => {
      finished = all;
    });
    await settle();
    time.advance(5999);
    await settle();
    expect(finished).toBeUndefined();
    time.advance(1);
    await settle();
    expect(finished).toBe(false);
    expect(workers.get(0).state).toBe('running');
  });
});
