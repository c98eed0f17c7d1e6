import { expect, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import type { EventName } from '../events/event.ts';
import type { ConfigDigest, NodeReport } from './node-report.ts';
import { nodeScripts } from './node-scripts.ts';
import { Nodes } from './nodes.ts';

const digest: ConfigDigest = { parts: { routes: 'aa' }, servers: { shop: { a: '10.0.0.1:1' } } };

/** A store that keeps what nodes tell, as the script does, with a clock of its own. */
class PlayedStore {
  readonly entries = new Map<string, string>();
  readonly texts = new Map<string, string>();
  now = 100_000_000;
  failure = '';
  revision = '0';

  read = (name: string) => Promise.resolve(this.texts.get(name) ?? null);
  keep = (name: string, text: string) => Promise.resolve(void this.texts.set(name, text));

  run = (script: string, names: readonly string[], words: readonly (string | number)[]) => {
    if (this.failure !== '') return Promise.reject(new Error(this.failure));
    const [id = '', report = ''] = words.map(String);
    if (script === nodeScripts.leave) {
      this.entries.delete(id);
      return Promise.resolve([]);
    }
    const before = this.entries.get(id) ?? '';
    this.entries.set(id, `${this.now} ${report}`);
    const kept = this.texts.has(names[2] ?? '') ? '1' : '0';
    return Promise.resolve([String(this.now), this.revision, kept, before, '1', ...[...this.entries].flat()]);
  };
}

async function start(store: PlayedStore, time: HandTime, n: number, own = digest, run = `run${n}`) {
  const lines: string[] = [];
  const events: EventName[] = [];
  const revisions: number[] = [];
  const log = {
    info: () => undefined,
    warn: (line: string) => void lines.push(line),
    error: (line: string) => void lines.push(line),
  };
  const nodes = new Nodes({
    store,
    id: String(n).repeat(8),
    run,
    name: `n${n}`,
    secret: Buffer.alloc(32),
    ring: () => '',
    lease: 10_000,
    skew: 60_000,
    report: async () => ({
      version: '1',
      runtime: 'node',
      started: 0,
      revision: 0,
      failure: '',
      pools: { shop: { requestsPerSecond: 1, sessions: 2 } },
      draining: {},
    }),
    digest: () => own,
    onBeat: async (revision) => void revisions.push(revision),
    events: { publish: (name) => void events.push(name) },
    clock: time,
    timers: time,
    log,
  });
  await nodes.start();
  return { nodes, lines, events, revisions };
}

/** Everybody's clock, and that of the store. */
async function pass(time: HandTime, store: PlayedStore, seconds: number): Promise<void> {
  for (let i = 0; i < seconds; i++) {
    store.now += 1000;
    time.advance(1000);
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  }
}

const liveIn = (nodes: Nodes) => nodes.live.map(({ report }) => report.name);

test('who renews its lease is there; a clock of the store that jumps makes nobody gone', async () => {
  const [store, time] = [new PlayedStore(), new HandTime(100_000_000)];
  const a = await start(store, time, 1);
  const b = await start(store, time, 2);
  await pass(time, store, 2);
  expect(liveIn(a.nodes)).toEqual(['n1', 'n2']);
  store.now += 3_600_000;
  await pass(time, store, 1);
  expect(liveIn(a.nodes)).toEqual(['n1', 'n2']);
  store.now -= 7_200_000;
  await pass(time, store, 3);
  expect(liveIn(a.nodes)).toEqual(['n1', 'n2']);
  expect(a.events).toEqual(['node.joined']);
  await b.nodes.stop();
  await pass(time, store, 1);
  expect(liveIn(a.nodes)).toEqual(['n1']);
  expect(a.events).toEqual(['node.joined', 'node.left']);
});

test('who tells nothing any more is gone when its lease is over', async () => {
  const [store, time] = [new PlayedStore(), new HandTime(100_000_000)];
  const a = await start(store, time, 1);
  const report: NodeReport = {
    ...JSON.parse((store.entries.get('11111111') ?? '').replace(/^\d+ /, '')),
    id: '22222222',
    run: 'dead',
    name: 'n2',
  };
  store.entries.set('22222222', `${store.now} ${JSON.stringify(report)}`);
  await pass(time, store, 9);
  expect(liveIn(a.nodes)).toEqual(['n1', 'n2']);
  await pass(time, store, 3);
  expect(liveIn(a.nodes)).toEqual(['n1']);
  expect(a.lines).toEqual([expect.stringMatching(/^fleet: node n2 is gone: its lease is over/)]);
  // One that was gone before this node started has never been there.
  const c = await start(store, time, 3);
  expect(liveIn(c.nodes)).toEqual(['n3', 'n1']);
});

test('what is no report is passed over', async () => {
  const [store, time] = [new PlayedStore(), new HandTime(100_000_000)];
  const a = await start(store, time, 1);
  const own = (store.entries.get('11111111') ?? '').replace(/^\d+ /, '');
  const changed = (id: string, fields: object) => {
    store.entries.set(id, `${store.now} ${JSON.stringify({ ...JSON.parse(own), id, ...fields })}`);
  };
  store.entries.set('22222222', 'garbage');
  store.entries.set('33333333', `${store.now} null`);
  changed('44444444', { name: 'a b\n' });
  changed('55555555', { revision: -1 });
  changed('66666666', { pools: { shop: { requestsPerSecond: 'many', sessions: 1 } } });
  changed('77777777', { draining: [] });
  changed('88888888', { id: '99999999' });
  await pass(time, store, 2);
  expect(liveIn(a.nodes)).toEqual(['n1']);
});

test('cut off after two beats; the others stay as they were, and it comes back', async () => {
  const [store, time] = [new PlayedStore(), new HandTime(100_000_000)];
  const a = await start(store, time, 1);
  await start(store, time, 2);
  await pass(time, store, 2);
  store.failure = 'refused';
  await pass(time, store, 1);
  expect(a.nodes.isConnected).toBe(true);
  await pass(time, store, 1);
  expect([a.nodes.isConnected, a.nodes.failure]).toEqual([false, 'refused']);
  await pass(time, store, 60);
  expect(liveIn(a.nodes)).toEqual(['n1', 'n2']);
  store.failure = '';
  store.revision = '7';
  await pass(time, store, 2);
  expect(a.nodes.isConnected).toBe(true);
  expect(a.revisions.at(-1)).toBe(7);
  expect(a.events).toEqual(['node.joined', 'node.cut-off', 'node.back']);
});

test('another config is told once, when it has been so for some beats', async () => {
  const [store, time] = [new PlayedStore(), new HandTime(100_000_000)];
  const a = await start(store, time, 1);
  await start(store, time, 2, { parts: { routes: 'bb' }, servers: { shop: { a: '10.0.0.2:1', b: '10.0.0.3:1' } } });
  await pass(time, store, 3);
  expect(a.events).toEqual(['node.joined']);
  expect(a.nodes.all.map(({ differs }) => differs)).toEqual([
    [],
    ['pools.shop.servers.a.address', 'pools.shop.servers.b (not here)', 'routes'],
  ]);
  await pass(time, store, 20);
  expect(a.events).toEqual(['node.joined', 'node.differs']);
});

test('two processes with one id are an error on both', async () => {
  const [store, time] = [new PlayedStore(), new HandTime(100_000_000)];
  const a = await start(store, time, 1);
  const b = await start(store, time, 1, digest, 'copy');
  await pass(time, store, 6);
  for (const { lines, events } of [a, b]) {
    expect(lines).toEqual([expect.stringContaining('has the same id (11111111) as this one')]);
    expect(events).toEqual(['node.conflict']);
  }
});

test('a clock that is wrong by more than half of clock.skew is told, and again when it was right in between', async () => {
  const [store, time] = [new PlayedStore(), new HandTime(100_000_000)];
  const a = await start(store, time, 1);
  store.now -= 29_000;
  await pass(time, store, 2);
  expect(a.lines).toEqual([]);
  store.now -= 6000;
  await pass(time, store, 2);
  expect(a.lines).toEqual([expect.stringContaining('the clock of this machine is 35 s ahead of that of fleet.store')]);
  store.now += 35_000;
  await pass(time, store, 2);
  store.now += 40_000;
  await pass(time, store, 2);
  expect(a.lines).toHaveLength(2);
});
