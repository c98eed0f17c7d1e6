/** A supervisor with workers that the test drives by hand, on a clock that it moves: no thread, no socket, no sleep. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { FakeNet } from '../../test/support/fake-net.ts';
import { type FakeWorker, FakeWorkers, settle } from '../../test/support/fake-worker.ts';
import { HandTime } from '../../test/support/hand-time.ts';
import type { LimpetOptions } from '../config/options.ts';
import { readConfig } from '../config/read.ts';
import { counter } from '../metrics/counters.ts';
import { ConfigVersion, type Versions } from '../shared/config-version.ts';
import { attach } from '../shared/memory.ts';
import type { ToWorker } from './messages.ts';
import { Supervisor } from './supervisor.ts';

const a = { name: 'a', address: '127.0.0.1:1' };
const b = { name: 'b', address: '127.0.0.1:2' };

function stage(more: Record<string, unknown> = {}) {
  const stateDir = mkdtempSync(join(tmpdir(), 'limpet-supervisor-'));
  onTestFinished(() => rmSync(stateDir, { recursive: true }));
  const optionsOf = (servers: readonly object[], listener = '127.0.0.1:80'): LimpetOptions => {
    const config = {
      listeners: [{ address: listener, reusePort: true }],
      pools: { shop: { servers, affinity: 'source-ip' } },
      keys: ['k'.repeat(40)],
      workers: 3,
      admin: { listen: 'off' },
      table: { save: 'off' },
      stateDir,
      ...more,
    };
    return readConfig(config, { source: { name: 'test', locate: () => null }, env: {}, variables: false }).options;
  };
  const time = new HandTime();
  const workers = new FakeWorkers();
  const net = new FakeNet();
  const lines: string[] = [];
  const say = (level: string) => (message: string) => void lines.push(`${level}: ${message.split('\n')[0]}`);
  const accessLines: string[] = [];
  const supervisor = new Supervisor(optionsOf([a, b]), {
    net,
    log: { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') },
    writeAccess: (text, done) => {
      accessLines.push(text);
      done();
    },
    tokenKeys: () => [Buffer.alloc(32)],
    tableSecret: Buffer.alloc(32),
    tableFile: join(stateDir, 'table'),
    spawn: workers.spawn,
    timers: time,
    clockSources: { wall: () => time.wall(), monotonic: () => time.monotonic(), uptime: () => time.monotonic() },
    random: () => 0,
  });
  /** All workers of this start listen. */
  const start = async () => {
    const started = supervisor.start();
    await settle();
    workers.get(0).listen();
    await settle();
    for (const worker of [1, 2]) workers.get(worker).listen();
    await started;
  };
  /** Every worker that has an open request to reload answers that it has applied the config. */
  const applyAll = async () => {
    for (let i = 0; i < 3; i++) {
      await settle();
      for (const worker of workers.all) if (worker.pendingConfig !== undefined) worker.reloaded();
    }
  };
  return { supervisor, workers, time, net, lines, accessLines, stateDir, optionsOf, start, applyAll };
}

function namesIn({ pools }: LimpetOptions): string[] {
  return pools.flatMap(({ servers }) => servers.map(({ name }) => name));
}

/** Names of the servers in the config that the worker has yet to apply. */
function pending({ pendingConfig }: FakeWorker): string[] | null {
  return pendingConfig === undefined ? null : namesIn(pendingConfig.options);
}

test('the start: every worker gets its number, the config and the shared memory, and the addresses are those of the first', async () => {
  const { supervisor, workers, start } = stage();
  await start();
  expect(workers.all.map(({ init }) => init.worker)).toEqual([0, 1, 2]);
  for (const { init } of workers.all) {
    expect(namesIn(init.config.options)).toEqual(['a', 'b']);
    expect(init.buffers).toBe(workers.get(0).init.buffers);
  }
  expect(supervisor.addresses).toEqual(['http://127.0.0.1:8080']);
  // The port that the first one has bound is the port of all.
  expect(workers.all.map(({ init }) => init.config.ports)).toEqual([[80], [8080], [8080]]);
});

test('a start that fails leaves no thread and no timer', async () => {
  const { supervisor, workers, time } = stage();
  const started = expect(supervisor.start()).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await settle();
  workers.get(0).cannotStart('in use', 'EADDRINUSE');
  await started;
  expect(workers.all.map(({ state }) => state)).toEqual(['terminated']);
  expect(time.pending).toBe(0);
});

describe('a worker', () => {
  test('that fails is replaced, and what it had open in shared memory is closed', async () => {
    const { supervisor, workers, time, lines, start } = stage();
    await start();
    const { buffers } = workers.get(1).init;
    attach(buffers, 1).counters.add(counter.connections_open, 5);
    attach(buffers, 1).load.run(3, 7);
    expect(supervisor.countersNow().connections_open).toBe(5);
    workers.get(1).crash('a bug');
    expect(supervisor.countersNow()).toMatchObject({ connections_open: 0, workers_replaced: 1 });
    expect(attach(buffers, 0).load.running(3)).toBe(0);
    time.advance(0);
    await settle();
    expect(workers.all.map(({ init }) => init.worker)).toEqual([0, 1, 2, 1]);
    workers.get(1).listen();
    expect(lines).toContain('warn: worker 2 failed and is replaced: Error: a bug');
  });

  test('whose event loop hangs for workerTimeout is terminated and replaced; those that beat are not', async () => {
    const { supervisor, workers, time, lines, start } = stage({ workerTimeout: '2s' });
    await start();
    const beats = new Int32Array(workers.get(0).init.heartbeats);
    for (let i = 0; i < 4; i++) {
      for (const worker of [0, 2]) Atomics.add(beats, worker, 1);
      time.advance(500);
    }
    await settle();
    expect(workers.all.slice(0, 3).map(({ state }) => state)).toEqual(['running', 'terminated', 'running']);
    expect(lines).toContain(
      'warn: worker 2 failed and is replaced: Error: its event loop has not turned for 2 s (workerTimeout)',
    );
    expect(supervisor.countersNow()).toMatchObject({ workers_hung: 1, workers_replaced: 1 });
    time.advance(0);
    await settle();
    expect(workers.get(1).state).toBe('running');
  });

  test('sends events: reports of traffic change the health of a server for all, room goes to the others', async () => {
    const { workers, accessLines, lines, start } = stage();
    await start();
    for (let i = 0; i < 3; i++) {
      const report = { what: 'connect-failed' } as const;
      workers.get(i % 2).emit({ kind: 'passive-report', pool: 'shop', server: 'a 127.0.0.1:1', report });
    }
    for (const { received } of workers.all) {
      const [health] = received;
      expect(health).toMatchObject({
        kind: 'health',
        pool: 'shop',
        healthReports: [{ passive: false }, { passive: true }],
      });
      received.splice(0);
    }
    workers.get(1).emit({ kind: 'room', pool: 'shop' });
    workers.get(2).emit({ kind: 'access-lines', lines: 'GET /\n' });
    workers.get(2).emit({ kind: 'debug', message: 'connected' });
    const room = { kind: 'room', pool: 'shop' };
    expect(workers.all.map(({ received }) => received)).toEqual([[room], [], [room, { kind: 'access-written' }]]);
    expect(accessLines).toEqual(['GET /\n']);
    expect(lines).toContain('debug: connected');
  });

  test('sends what happens to sessions', async () => {
    const { supervisor, workers, start } = stage();
    await start();
    const fields = { pool: 'shop', session: '0000002a', server: 'a', reason: 'the app has ended it' };
    workers.get(1).emit({ kind: 'session-events', events: [{ name: 'session.ended', fields }], dropped: 3 });
    expect(supervisor.events.since(0)).toMatchObject([
      { name: 'session.ended', fields },
      { name: 'events.dropped', fields: { worker: 2, count: 3 } },
    ]);
  });
});

describe('a reload', () => {
  test('is applied by all workers, and then the health monitor follows it', async () => {
    const { supervisor, workers, optionsOf, start, applyAll } = stage();
    await start();
    const reload = supervisor.reload(optionsOf([b]));
    await applyAll();
    await reload;
    for (const { received } of workers.all) {
      const [request, health] = received as [ToWorker & { kind: 'reload' }, ToWorker & { kind: 'health' }];
      expect(namesIn(request.config.options)).toEqual(['b']);
      expect(health.healthReports.map(({ server }) => server)).toEqual(['b 127.0.0.1:2']);
    }
    expect(supervisor.countersNow().reloads).toBe(1);
  });

  test('is all or nothing: when one worker refuses, those that had applied it go back', async () => {
    const { supervisor, workers, optionsOf, start, applyAll } = stage();
    await start();
    const reload = expect(supervisor.reload(optionsOf([b]))).rejects.toMatchObject({ code: 'EACCES' });
    await settle();
    workers.get(0).reloaded();
    await settle();
    workers.get(1).reloaded();
    workers.get(2).reloaded({ message: 'no permission', code: 'EACCES' });
    await applyAll();
    await reload;
    const configs = workers.all.map(({ received }) =>
      received.flatMap((message) => (message.kind === 'reload' ? namesIn(message.config.options).join() : [])),
    );
    expect(configs).toEqual([
      ['b', 'a,b'],
      ['b', 'a,b'],
      ['b', 'a,b'],
    ]);
    // A worker that starts now has the former config.
    workers.get(1).crash('a bug');
    expect(supervisor.countersNow().reloads).toBe(0);
  });

  test('refused because a port is taken changes nothing, and host names of the former config are still looked up', async () => {
    const find = { calls: [] as string[] };
    const { net, workers, time, optionsOf, stateDir } = stage();
    const named = [{ name: 'n', address: 'shop.internal:80' }];
    const supervisor = new Supervisor(optionsOf(named), {
      net,
      log: { debug() {}, info() {}, warn() {}, error() {} },
      writeAccess() {},
      tokenKeys: () => [Buffer.alloc(32)],
      tableSecret: Buffer.alloc(32),
      tableFile: join(stateDir, 'table'),
      spawn: workers.spawn,
      timers: time,
      findName: (name) => {
        find.calls.push(name);
        return Promise.resolve({ state: 'found', addresses: ['10.0.0.1'], ttl: 60 });
      },
    });
    const started = supervisor.start();
    await settle();
    workers.get(0).listen();
    await settle();
    for (const worker of [1, 2]) workers.get(worker).listen();
    await started;
    // Whoever connects is answered: a program listens there.
    net.onConnect = (peer) => setImmediate(() => peer.open());
    const next = optionsOf([a], '127.0.0.1:81');
    const taken = { ...next, listeners: next.listeners.map((one) => ({ ...one, reusePort: false })) };
    await expect(supervisor.reload(taken)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(workers.all.flatMap(({ received }) => received.filter(({ kind }) => kind === 'reload'))).toEqual([]);
    find.calls.splice(0);
    time.advance(60_000);
    await settle();
    expect(find.calls).toEqual(['shop.internal']);
  });

  test('waits for the one before it', async () => {
    const { supervisor, workers, optionsOf, start, applyAll } = stage();
    await start();
    const first = supervisor.reload(optionsOf([a]));
    const second = supervisor.reload(optionsOf([b]));
    await settle();
    expect(pending(workers.get(0))).toEqual(['a']);
    workers.get(0).reloaded();
    await settle();
    workers.get(1).reloaded();
    await settle();
    expect(workers.all.map(pending)).toEqual([null, null, ['a']]);
    workers.get(2).reloaded();
    await first;
    await settle();
    expect(workers.all.map(pending)).toEqual([['b'], null, null]);
    await applyAll();
    await second;
  });
});

describe('versions', () => {
  test('are published in shared memory before the first worker gets the message, so that every view is stale until then', async () => {
    const { supervisor, workers, optionsOf, start, applyAll } = stage();
    await start();
    const seen: { readonly kind: string; readonly published: Versions }[] = [];
    const reader = new ConfigVersion(workers.get(0).init.buffers.configVersion);
    const before = reader.versions;
    const worker = workers.get(0);
    const post = worker.postMessage.bind(worker);
    worker.postMessage = (message) => {
      seen.push({ kind: message.kind, published: reader.versions });
      post(message);
    };
    const reload = supervisor.reload(optionsOf([b]));
    await applyAll();
    await reload;
    const config = { configs: before.configs + 1, health: before.health };
    expect(seen).toEqual([
      { kind: 'reload', published: config },
      { kind: 'health', published: { ...config, health: before.health + 1 } },
    ]);
    const applied = new ConfigVersion(worker.init.buffers.configVersion);
    applied.apply(worker.init.config.versions);
    expect(applied.isStale).toBe(true);
    for (const message of worker.received) {
      if (message.kind === 'reload') applied.apply(message.config.versions);
      if (message.kind === 'health') applied.apply(message.versions);
    }
    expect(applied.isStale).toBe(false);
  });

  test('of a config that was refused are higher than before: the former config is published once more', async () => {
    const { supervisor, workers, optionsOf, start, applyAll } = stage();
    await start();
    const reload = expect(supervisor.reload(optionsOf([b]))).rejects.toThrow('no permission');
    await settle();
    workers.get(0).reloaded({ message: 'no permission', code: 'EACCES' });
    await applyAll();
    await reload;
    const versions = workers
      .get(0)
      .received.flatMap((message) => (message.kind === 'reload' ? message.config.versions.configs : []));
    expect(versions).toEqual([1, 2]);
  });
});

test('a drained server is drained for all workers when the call resolves, and after a restart', async () => {
  const { supervisor, workers, stateDir, start } = stage();
  await start();
  let done = false;
  const drained = supervisor.drain('shop', 'a', true).then((found) => {
    done = true;
    return found;
  });
  await settle();
  expect(workers.get(2).received[0]).toMatchObject({
    kind: 'health',
    healthReports: [{ drained: true }, { drained: false }],
  });
  for (const worker of [0, 1]) workers.get(worker).synced();
  await settle();
  expect(done).toBe(false);
  workers.get(2).synced();
  expect(await drained).toBe(true);
  expect(await supervisor.drain('shop', 'nobody', true)).toBe(false);
  expect(JSON.parse(readFileSync(join(stateDir, 'servers.json'), 'utf8'))).toEqual({ 'shop/a': { state: 'drain' } });
});

describe('the stop', () => {
  test('is false when one worker had to cut exchanges, and leaves no thread and no timer', async () => {
    const { supervisor, workers, time, start } = stage();
    await start();
    const stopped = supervisor.stop();
    await settle();
    workers.get(0).stopped(true);
    workers.get(1).stopped(false);
    workers.get(2).stopped(true);
    expect(await stopped).toBe(false);
    expect(workers.all.map(({ state }) => state)).toEqual(['terminated', 'terminated', 'terminated']);
    expect(time.pending).toBe(0);
  });

  test('refuses reloads from then on, and replaces no worker', async () => {
    const { supervisor, workers, optionsOf, start } = stage();
    await start();
    const stopped = supervisor.stop();
    await expect(supervisor.reload(optionsOf([a]))).rejects.toThrow('the balancer is stopping');
    await settle();
    workers.get(0).crash('while it stops');
    for (const worker of [1, 2]) workers.get(worker).stopped(true);
    expect(await stopped).toBe(false);
    expect(workers.all).toHaveLength(3);
  });
});

test('events: a worker is replaced, a config is taken over, another one refused', async () => {
  const { supervisor, workers, optionsOf, start, applyAll } = stage();
  await start();
  const published: string[] = [];
  supervisor.events.subscribe(({ name, fields }) => published.push(`${name} ${Object.values(fields).join(' ')}`));
  workers.get(1).crash('a bug');
  const reloaded = supervisor.reload(optionsOf([a]));
  await applyAll();
  await reloaded;
  const refused = expect(supervisor.reload(optionsOf([a, b]))).rejects.toThrow('no room');
  await settle();
  workers.get(0).reloaded({ message: 'no room', code: 'ENOMEM' });
  await applyAll();
  await refused;
  supervisor.configRefused('not readable');
  expect(published).toEqual([
    'worker.replaced 2 Error: a bug',
    'server.removed shop b 127.0.0.1:2',
    'config.reloaded pool shop: b removed',
    'config.refused no room',
    'config.refused not readable',
  ]);
  expect(supervisor.events.since(0)).toHaveLength(5);
});
