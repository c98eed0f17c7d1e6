/**
 * One run of `npm run fleet:proof`: clients spray requests over the nodes with every kind of affinity while servers and nodes are killed,
 * drained, taken down and added, and what the servers wrote down is judged.
 */
import { Random } from '../chaos/random.ts';
import { monotonicMs } from '../deploys/visits.ts';
import { type StoreKind, startFleet, type TestFleet } from '../support/fleet.ts';
import { type FleetJudgement, judgeFleet, type Trouble } from '../support/fleet-checker.ts';
import { type Kind, kinds, type Outcome } from '../support/fleet-clients.ts';
import { Spray } from '../support/fleet-spray.ts';
import type { Runtime } from '../support/runtimes.ts';
import { until } from '../support/until.ts';

export interface ProofSetup {
  readonly runtime: Runtime;
  readonly nodes: number;
  readonly servers: number;
  /** Of each node; default 1. */
  readonly workers?: number;
  readonly clientsOfKind: number;
  readonly kinds?: readonly Kind[];
  /** Changes of the fleet, one after the other: by name, or so many by chance. */
  readonly changes: readonly ChangeName[] | number;
  /** Requests under each change, and after it. */
  readonly requests: number;
  readonly seed: number;
  /** Default one Redis. */
  readonly store?: StoreKind;
  readonly env?: Readonly<Record<string, string>>;
  readonly say?: (line: string) => void;
  readonly stopped?: () => boolean;
}

export interface ProofReport extends FleetJudgement {
  readonly changes: Readonly<Record<string, number>>;
  /** By why they failed. */
  readonly failures: Readonly<Record<string, number>>;
  /** After all was whole again: requests that failed, or were at another server than the last one of their session. */
  readonly unsettled: readonly string[];
  readonly perKind: Readonly<Record<string, number>>;
}

/** Of an ejection, and of the checks that a server is back. */
const ejection = '500ms';
/** For so long (ms) after its trouble a server may be out: it is ejected with a request that was under way, and a loaded machine is slow. */
const aftermathMs = 2000;
/** A message takes a millisecond; a process of a loaded machine may wait for its turn. */
const messageMs = 1000;

interface Scene {
  readonly fleet: TestFleet;
  readonly spray: Spray;
  readonly random: Random;
  readonly requests: number;
  /** From now on; the answer ends it. */
  trouble(server: string): () => void;
}

const changes = {
  /** kill -9, and it comes back with an empty memory. */
  'server killed': async ({ fleet, spray, random, requests, trouble }: Scene) => {
    const name = random.of([...fleet.listed]);
    const over = trouble(name);
    await fleet.server(name).kill();
    await spray.done(requests);
    await fleet.startServer(name);
    over();
  },
  /** Sessions with a copy leave it, the others stay. */
  'server drained': (scene: Scene) => tellAll(scene, 'drain'),
  /** All leave it. */
  'server taken down': (scene: Scene) => tellAll(scene, 'down'),
  'server added': async ({ fleet, spray, random, requests, trouble }: Scene) => {
    const name = `x${fleet.servers.size}`;
    const { address } = await fleet.startServer(name, false);
    const all = random.of(fleet.nodes).api;
    for (const pool of fleet.setup.kinds) await all.send('POST', `/servers/${pool}`, { name, address });
    await spray.done(requests);
    trouble(name);
    for (const pool of fleet.setup.kinds) await all.send('DELETE', `/servers/${pool}/${name}`);
    await spray.done(requests);
    for (const node of fleet.nodes)
      await until(`${name} is gone at ${node.name}`, async () =>
        (await node.api.servers()).every((server) => server.name !== name),
      );
    await fleet.server(name).kill();
  },
  'node killed': async ({ fleet, spray, random, requests }: Scene) => {
    const node = random.of(fleet.nodes);
    await node.stop();
    await spray.done(requests);
    await node.start();
  },
  'node restarted': async ({ fleet, spray, random, requests }: Scene) => {
    const node = random.of(fleet.nodes);
    await node.stop('SIGTERM');
    await spray.done(requests);
    await node.start();
  },
  /** It has no table of before, and no name that anybody knows. */
  'node added': async ({ fleet, spray, requests }: Scene) => {
    const node = await fleet.addNode();
    await spray.done(requests);
    await fleet.removeNode(node);
  },
  /** With sessions that are just about to move. */
  'server and node killed': async ({ fleet, spray, random, requests, trouble }: Scene) => {
    const name = random.of([...fleet.listed]);
    const node = random.of(fleet.nodes);
    const over = trouble(name);
    await Promise.all([fleet.server(name).kill(), node.stop()]);
    await spray.done(requests);
    await fleet.startServer(name);
    over();
    await node.start();
  },
} satisfies Record<string, (scene: Scene) => Promise<void>>;

const clusterChanges = {
  'slot moved': (scene: Scene) => moveSlot(scene),
  /** Its sessions move while some of their keys are on one side, and some on the other. */
  'slot moved and server killed': async (scene: Scene) => {
    const { fleet, random, trouble } = scene;
    const name = random.of([...fleet.listed]);
    let over = () => {};
    await moveSlot(scene, async () => {
      over = trouble(name);
      await fleet.server(name).kill();
    });
    await fleet.startServer(name);
    over();
  },
} satisfies Record<string, (scene: Scene) => Promise<void>>;

const allChanges = { ...changes, ...clusterChanges };
export type ChangeName = keyof typeof allChanges;

/** What may happen to a fleet with that store. */
export function changeNames(store: StoreKind): ChangeName[] {
  return Object.keys(store === 'cluster' ? allChanges : changes) as ChangeName[];
}

/** Said at one node, it holds at all. */
async function tellAll({ fleet, spray, random, requests, trouble }: Scene, state: 'drain' | 'down'): Promise<void> {
  const name = random.of([...fleet.listed]);
  const over = trouble(name);
  await random.of(fleet.nodes).tell(name, state);
  await spray.done(requests);
  await random.of(fleet.nodes).tell(name, 'ready');
  over();
}

/**
 * All keys of a pool, or what nodes know of each other, go to another primary one by one, and come back. No node is told, and none may need
 * it. `act` is awaited after the first key.
 */
async function moveSlot({ fleet, spray, random, requests }: Scene, act = async () => {}): Promise<void> {
  const { cluster } = fleet;
  const slot = await cluster.slotOf(random.of(await cluster.tags()));
  const home = await cluster.ownerOf(slot);
  const other = (home + random.of([1, 2])) % 3;
  let next: typeof act | null = act;
  const afterEachKey = async () => {
    await next?.();
    next = null;
    await spray.done(Math.ceil(requests / 50));
  };
  await cluster.moveSlot(slot, home, other, afterEachKey, 1);
  await spray.done(requests);
  await cluster.moveSlot(slot, other, home, afterEachKey, 1);
}

export async function prove(setup: ProofSetup): Promise<ProofReport> {
  const { runtime, seed, say = () => {}, requests, store = 'redis' } = setup;
  const random = new Random(seed);
  const names = Array.from({ length: setup.servers }, (_, n) => `s${n + 1}`);
  await using fleet = await startFleet(runtime, {
    nodes: setup.nodes,
    servers: names,
    kinds: setup.kinds ?? kinds,
    pool: { health: { passive: { ejection, maxEjection: ejection } } },
    config: { table: { save: '1s' }, workers: setup.workers ?? 1 },
    // A machine that is slow is not a store that is away; where claims have to wait, nobody stands in: the logs could not tell it from an owner.
    fleet: { timeout: '10s', ...(store === 'cluster' && { whenStoreLost: 'reject' }) },
    store,
    ...(setup.env && { env: setup.env }),
  });
  await using spray = new Spray(fleet, setup.clientsOfKind, random.fork());
  const troubles: Trouble[] = [];
  const trouble = (server: string) => {
    const one = { server, node: '*', from: monotonicMs(), to: Number.POSITIVE_INFINITY };
    troubles.push(one);
    return () => {
      one.to = monotonicMs();
    };
  };
  const scene = { fleet, spray, random: random.fork(), requests, trouble };
  const counts: Partial<Record<ChangeName, number>> = {};
  await spray.done(requests);
  const many = typeof setup.changes === 'number' ? setup.changes : setup.changes.length;
  for (let n = 0; n < many && setup.stopped?.() !== true; n++) {
    const name = typeof setup.changes === 'number' ? scene.random.of(changeNames(store)) : setup.changes[n]!;
    say(name);
    await allChanges[name](scene);
    counts[name] = (counts[name] ?? 0) + 1;
    await spray.done(requests);
  }
  for (const node of fleet.nodes)
    await until(`${node.name} has all servers`, async () =>
      (await node.api.servers()).every(({ state }) => state === 'up'),
    );
  const last = await spray.settle();
  const judgement = judgeFleet(fleet.visits(), spray.outcomes, { troubles, aftermathMs, messageMs });
  return {
    ...judgement,
    changes: counts,
    failures: tally(spray.outcomes.map(({ failure }) => failure).filter((failure) => failure !== '')),
    unsettled: unsettledIn(last),
    perKind: tally(spray.outcomes.map(({ kind }) => kind)),
  };
}

function unsettledIn(outcomes: readonly Outcome[]): string[] {
  return [...Map.groupBy(outcomes, ({ session }) => session)].flatMap(([session, its]) => {
    const seen = its.map(({ node, failure, server }) => `${node}: ${failure || server}`).join(', ');
    return its.every(({ failure, server }) => failure === '' && server === its[0]!.server)
      ? []
      : [`${session}: ${seen}`];
  });
}

function tally(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

/** What does not hold; empty when all does. */
export function flawsOf({ wrong, twoOwners, lost, unsettled }: ProofReport): string[] {
  return [...wrong, ...twoOwners, ...lost, ...unsettled.map((one) => `after all was whole again: ${one}`)];
}

export function format(title: string, report: ProofReport): string {
  const { visits, sessions, moves, late, wrong, twoOwners, lost, unsettled, failures, perKind } = report;
  const list = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .toSorted(([, a], [, b]) => b - a)
      .map(([name, times]) => `${times} ${name}`)
      .join(', ') || 'none';
  const slowest = late.length === 0 ? '' : `, the slowest ${Math.max(...late).toFixed(1)} ms after the move`;
  return [
    `== ${title}: ${visits} requests at servers, ${sessions} sessions`,
    `   requests             ${list(perKind)}`,
    `   changes              ${list(report.changes)}`,
    `   owners changed       ${moves}`,
    `   failed               ${list(failures)}`,
    `   before the message   ${late.length}${slowest}`,
    `   at a wrong server    ${wrong.length}: ${list(tally(wrong.map((line) => line.replace(/-.*/s, ''))))}`,
    `   epochs of two        ${twoOwners.length}`,
    `   changes lost         ${lost.length}`,
    `   not settled          ${unsettled.length}`,
    ...flawsOf(report)
      .slice(0, 10)
      .map((flaw) => `   DOES NOT HOLD: ${flaw}`),
  ].join('\n');
}
