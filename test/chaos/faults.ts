/** What can go wrong, and how each is mended again. Faults of servers and configs tell the journal which server they touch. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Disk } from './disk.ts';
import type { Program } from './program.ts';
import type { Random } from './random.ts';
import type { RedisGroup } from './redis-group.ts';
import type { AppServer, Node, Stage } from './stage.ts';
import type { Wire } from './wire.ts';

export interface Around {
  readonly stage: Stage;
  readonly random: Random;
  /** Milliseconds; shorter when the run ends. */
  readonly wait: (from: number, to: number) => Promise<void>;
}

export interface Fault {
  /** How often, against the others. */
  readonly weight: number;
  /** While nothing else is broken. */
  readonly alone?: boolean;
  readonly targets: (stage: Stage) => readonly object[];
  readonly act: (target: object, around: Around) => Promise<void>;
}

const servers = ({ shape }: Stage) => shape.servers;
const wires = ({ wires }: Stage) => wires;
const everything = (stage: Stage) => [stage];
/** Copies in the balancer's own memory die with it. */
const lastingBalancers = ({ parts: { store }, nodes }: Stage) => (store === 'memory' ? [] : nodes);
const aloneOnly = (stage: Stage) => (stage.isFleet ? [] : [stage]);
const nodesOfFleet = ({ isFleet, nodes }: Stage) => (isFleet ? nodes : []);
const redis = ({ parts: { redis } }: Stage) => (redis === null ? [] : [redis]);
const group = ({ parts: { group } }: Stage) => (group === null ? [] : [group]);
const nodesWithRedisWire = ({ isFleet, nodes }: Stage) =>
  nodes.filter(({ redisWire }) => isFleet && redisWire !== null);
const disk = ({ parts: { disk } }: Stage) => (disk === null ? [] : [disk]);
/** As many as are always left in the config. */
const fewest = 2;
const removable = ({ shape }: Stage) => (shape.servers.length > fewest ? shape.servers : []);
/** What is at another address is another server, and a name has one address on all nodes of a fleet. */
const movable = (stage: Stage) => (stage.isFleet ? [] : stage.shape.servers);
const absent = ({ servers, shape }: Stage) => servers.filter((one) => !shape.servers.includes(one));

export const faults = {
  /** kill -9, and it comes back with an empty memory. */
  'server killed': ofServer(10, servers, ({ program }, { wait }) => again(program, 'SIGKILL', () => wait(100, 2500))),
  'server restarted': ofServer(2, servers, ({ program }, { wait }) => again(program, 'SIGTERM', () => wait(0, 500))),
  /** Past every time-out; then it goes on as if nothing had happened. */
  'server stopped': ofServer(4, servers, async ({ program }, { wait }) => {
    program.signal('SIGSTOP');
    await wait(500, 6000);
    program.signal('SIGCONT');
  }),
  /** Ill by its checks, in truth alive with all it holds. */
  'health flapped': ofServer(6, servers, async (server, { stage, random, wait }) => {
    await stage.makeUnwell(server, random.between(400, 2500)).catch(() => undefined);
    await wait(2500, 2500);
  }),
  'server drained': ofServer(3, servers, async (server, { stage, wait }) => {
    await stage.tell(server, 'drain').catch(() => undefined);
    await wait(500, 3000);
    await stage.tellSurely(server, 'ready');
  }),

  /** It lives on with all it holds, and comes back. */
  'server removed': ofServer(4, removable, async (server, { stage, wait }) => {
    await without(stage, server);
    await wait(300, 4000);
    await include(stage, server);
  }),
  /** It dies while the reload is under way that takes it out: some workers fail at it, and others have forgotten it. */
  'dead server removed': ofServer(3, removable, async (server, { stage, random, wait }) => {
    const removed = without(stage, server);
    await sleep(random.between(0, 60));
    for (const wire of server.wires) wire.refuse();
    for (let n = 0; n < 15; n++) {
      stage.knock(10);
      await sleep(8);
    }
    await removed;
    await wait(300, 2000);
    for (const wire of server.wires) await wire.accept();
    await include(stage, server);
  }),
  'server added': ofServer(2, absent, async (server, { stage, wait }) => {
    await include(stage, server);
    await wait(1000, 5000);
    await without(stage, server);
  }),
  'servers reordered': fault<Stage>(3, everything, (stage, { random }) =>
    stage.reconfigure(({ servers }) => ({ servers: shuffled(servers, random) })),
  ),
  /** The same process at another address. */
  'server re-addressed': ofServer(2, movable, async (server, { stage, wait }) => {
    const { wires } = server;
    server.wires = [await stage.wireTo(server)];
    await stage.reconfigure(({ servers }) => ({ servers }));
    await wait(500, 1000);
    await Promise.all(wires.map((wire) => wire.close()));
  }),
  rebalanced: fault<Stage>(1, everything, async (stage, { wait }) => {
    const over = stage.journal.trouble('*', 'rebalanced');
    await stage.reconfigure(() => ({ rebalance: true }));
    await wait(2000, 4000);
    await stage.reconfigure(() => ({ rebalance: false }));
    over();
  }),

  'all servers unreachable': outage(1, async ({ wait, stage: { shape } }) => {
    for (const { wires } of shape.servers) for (const wire of wires) wire.refuse();
    await wait(1000, 4000);
    return async () => {
      for (const { wires } of shape.servers) for (const wire of wires) await wire.accept();
    };
  }),
  'all servers stopped': outage(1, async ({ wait, stage: { shape } }) => {
    for (const { program } of shape.servers) program.signal('SIGSTOP');
    await wait(1000, 6000);
    return async () => {
      for (const { program } of shape.servers) program.signal('SIGCONT');
    };
  }),
  'all servers killed': outage(1, async ({ wait, stage: { shape } }) => {
    for (const { wires } of shape.servers) for (const wire of wires) wire.refuse();
    await Promise.all(shape.servers.map(({ program }) => program.end('SIGKILL')));
    await wait(1000, 4000);
    return async () => {
      await Promise.all(shape.servers.map(({ program }) => insist(30, () => program.start())));
      for (const { wires } of shape.servers) for (const wire of wires) await wire.accept();
    };
  }),

  'connections cut': ofWire(4, async (wire) => wire.cut()),
  'connections delayed': ofWire(3, async (wire, { random, wait }) => {
    wire.slow(random.between(10, 400));
    await wait(500, 3000);
    wire.heal();
  }),
  /** Nothing arrives; then what was held, or nothing ever. */
  'connections held': ofWire(3, async (wire, { random, wait }) => {
    wire.hold();
    await wait(200, 4000);
    if (random.next() < 0.5) wire.cut();
    wire.heal();
  }),

  'balancer killed': fault<Node>(2, lastingBalancers, (node, around) =>
    restart(node, around, () => again(node.program, 'SIGKILL', async () => undefined)),
  ),
  'balancer restarted': fault<Node>(1, lastingBalancers, (node, around) =>
    restart(node, around, () => again(node.program, 'SIGTERM', async () => undefined)),
  ),
  /** SIGHUP at the first moment at which a client is served. */
  'balancer signalled at its start': fault<Node>(1, lastingBalancers, (node, around) =>
    restart(node, around, async () => {
      const { stage } = around;
      const { program } = node;
      await program.end('SIGTERM');
      // In this order: one that does not run yet takes no connections, and no process can handle what comes before it has begun.
      const started = program.start().catch(({ message }: Error) => {
        // Without its Redis it does not start; whoever looks after it starts it again.
        if (!/store cannot be used|fleet\.store/.test(message)) stage.journal.ended(`at its start: ${message}`);
      });
      // On a busy machine it may be so slow that this process has not begun to handle signals.
      if (await stage.takesConnections(node)) program.signal('SIGHUP');
      await started;
      await sleep(1000);
      if (!program.isRunning) await insist(30, () => program.start());
    }),
  ),
  'worker crashed': fault<Stage>(2, everything, async (stage, { random, wait }) => {
    stage.crashWorker(random.of(stage.nodes), Math.floor(random.next() * stage.workers));
    await wait(500, 1500);
  }),
  /** Of the balancer; back again at the end, which is another step. */
  'clock stepped': fault<Stage>(2, aloneOnly, async (stage, { random, wait }) => {
    stage.setClock(random.of(steps) * minute);
    await wait(1000, 5000);
    stage.setClock(0);
  }),

  /** Of one node against the others, and against the servers; nobody steps it back at once. */
  'clock of a node skewed': fault<Node>(2, nodesOfFleet, async (node, { stage, random, wait }) => {
    stage.setClock(random.of(skews) * 1000, node);
    await wait(2000, 8000);
    stage.setClock(0, node);
  }),
  /** It refuses, or nothing arrives; the other nodes go on. */
  'node without its store': fault<Node>(
    4,
    nodesWithRedisWire,
    async ({ name, redisWire: wire }, { stage, random, wait }) => {
      const over = stage.journal.cutOff(name);
      const isHeld = random.next() < 0.3;
      if (isHeld) wire?.hold();
      else wire?.refuse();
      await wait(500, 5000);
      if (isHeld) wire?.cut();
      wire?.heal();
      await wire?.accept();
      over();
    },
  ),
  /** The server is fine, and all other nodes reach it. */
  'node without a server': fault<Node>(5, nodesOfFleet, async ({ number }, { stage, random, wait }) => {
    const server = random.of(stage.shape.servers);
    const over = stage.journal.trouble(server.name, 'cut off from a node');
    const wire = server.wires[number];
    wire?.refuse();
    await wait(300, 4000);
    await wire?.accept();
    over();
  }),

  'redis killed': fault<Program>(2, redis, async (program, { stage, wait }) => {
    const over = stage.journal.cutOff('*');
    await again(program, 'SIGKILL', () => wait(0, 1500)).finally(over);
  }),
  /** The master is killed, Sentinel makes the replica the master, and the former one comes back as its replica. */
  'redis failed over': fault<RedisGroup>(4, group, async (group, { stage, wait }) => {
    const over = stage.journal.cutOff('*');
    const former = await group.failOver().finally(over);
    await wait(0, 3000);
    await group.rejoin(former);
  }),
  /** While clients sign out: it does not answer, or cannot be reached, so that what was asked is lost. */
  'redis away': fault<Program>(2, redis, async (program, { stage, random, wait }) => {
    const wires = stage.nodes.flatMap(({ redisWire }) => redisWire ?? []);
    const over = stage.journal.cutOff('*');
    const isReachable = random.next() < 0.3;
    if (isReachable) program.signal('SIGSTOP');
    else for (const wire of wires) wire.refuse();
    await signOuts(stage, () => wait(2000, 5000));
    if (isReachable) program.signal('SIGCONT');
    else for (const wire of wires) await wire.accept();
    over();
    // Else it would be away most of the time, and no session came about.
    await wait(3000, 6000);
  }),
  'disk full': fault<Disk>(3, disk, async (disk, { stage, wait }) => {
    const { program } = stage.nodes[0]!;
    const { pid } = program;
    disk.fill(pid);
    await signOuts(stage, () => wait(1000, 4000));
    // It may be another process by now.
    for (const one of new Set([pid, program.pid])) disk.free(one);
    await wait(3000, 6000);
  }),
} satisfies Record<string, Fault>;

export type FaultName = keyof typeof faults;
export const faultNames = Object.keys(faults) as FaultName[];

const minute = 60_000;
const steps = [-20, -2, 2, 30, 120] as const;
/** Seconds. */
const skews = [-30, -5, 5, 30] as const;

/** Until it goes through, so many times at most. */
export async function insist(most: number, act: () => Promise<unknown>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await act();
      return;
    } catch (error) {
      if (tries === most) throw error;
      await sleep(200);
    }
  }
}

async function again(program: Program, signal: NodeJS.Signals, pause: () => Promise<void>): Promise<void> {
  await program.end(signal);
  await pause();
  // A balancer whose Redis is away at the moment ends at once; whoever looks after it starts it again.
  await insist(30, () => program.start());
}

/** Of the balancer: what it knew of its servers is gone. */
async function restart({ name }: Node, { stage }: Around, act: () => Promise<void>): Promise<void> {
  const over = stage.journal.trouble('*', `${name} restarted`);
  await act();
  stage.journal.forget(name);
  over();
}

function without(stage: Stage, server: AppServer): Promise<void> {
  return stage.reconfigure(({ servers }) => ({ servers: servers.filter((one) => one !== server) }));
}

function include(stage: Stage, server: AppServer): Promise<void> {
  return stage.reconfigure(({ servers }) => ({ servers: [...servers, server] }));
}

function shuffled<T>(all: readonly T[], random: Random): T[] {
  const left = [...all];
  return all.map(() => left.splice(Math.floor(random.next() * left.length), 1)[0]!);
}

async function signOuts(stage: Stage, meanwhile: () => Promise<void>): Promise<void> {
  stage.traffic.signOuts = true;
  await meanwhile();
  stage.traffic.signOuts = false;
}

/**
 * `begin` breaks all servers, waits, and answers what mends them. Nothing is under way when it begins, nor when it ends; each
 * session is asked where it is before and after, when the balancer says of all servers that they are up.
 */
function outage(weight: number, begin: (around: Around) => Promise<() => Promise<void>>): Fault {
  const act = async (_: object, around: Around): Promise<void> => {
    const { traffic, journal } = around.stage;
    await traffic.stop();
    const wasUp = await around.stage.allUp(upLimit);
    await sleep(settleTime);
    await traffic.probe();
    const overs = around.stage.servers.map(({ name }) => journal.trouble(name, 'outage'));
    const from = performance.now();
    traffic.go();
    const mend = await begin(around);
    await traffic.stop();
    const to = performance.now();
    await mend();
    const isUp = await around.stage.allUp(upLimit);
    await sleep(settleTime);
    await traffic.probe();
    if (wasUp && isUp) journal.outages.push({ from, to });
    for (const over of overs) over();
    traffic.go();
  };
  return { weight, alone: true, targets: everything, act };
}

/** Milliseconds for all servers to be up: an ejection may have to end. */
const upLimit = 30_000;
/** Until the workers have heard of it, too (ms). */
const settleTime = 200;

function ofServer(
  weight: number,
  targets: (stage: Stage) => readonly AppServer[],
  act: (server: AppServer, around: Around) => Promise<void>,
): Fault {
  return fault(weight, targets, async (server, around) => {
    const over = around.stage.journal.trouble(server.name, 'fault');
    await act(server, around).finally(over);
  });
}

function ofWire(weight: number, act: (wire: Wire, around: Around) => Promise<void>): Fault {
  return fault(weight, wires, async (wire, around) => {
    const { stage } = around;
    const server = stage.servers.find((one) => one.wires.includes(wire));
    const node = stage.nodes.find(({ redisWire }) => redisWire === wire);
    const over =
      server !== undefined
        ? stage.journal.trouble(server.name, 'connections')
        : node !== undefined
          ? stage.journal.cutOff(node.name)
          : () => {};
    await act(wire, around).finally(over);
  });
}

/** A fault of any target: its own kind is what `targets` gives. */
function fault<Target extends object>(
  weight: number,
  targets: (stage: Stage) => readonly Target[],
  act: (target: Target, around: Around) => Promise<void>,
): Fault {
  return { weight, targets, act: (target, around) => act(target as Target, around) };
}
