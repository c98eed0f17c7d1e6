/** What goes wrong, again and again, several things at a time; each mends what it has broken. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Program } from './program.ts';
import type { Random } from './random.ts';
import type { AppServer, Stage } from './stage.ts';
import type { Wire } from './wire.ts';

interface Around {
  readonly stage: Stage;
  readonly random: Random;
  /** Milliseconds; shorter when the run ends. */
  readonly wait: (from: number, to: number) => Promise<void>;
}

interface Fault<Target extends object = object> {
  /** How often, against the others. */
  readonly weight: number;
  readonly targets: (stage: Stage) => readonly Target[];
  readonly act: (target: Target, around: Around) => Promise<void>;
}

const servers = ({ servers }: Stage) => servers;
const wires = ({ wires }: Stage) => wires;
/** Copies in the balancer's own memory die with it. */
const balancer = ({ store, balancer }: Stage) => (store === 'memory' ? [] : [balancer]);
const redis = ({ redis }: Stage) => (redis === null ? [] : [redis]);

const faults = {
  /** kill -9, and it comes back with an empty memory. */
  'server killed': fault<AppServer>(10, servers, ({ program }, { wait }) =>
    again(program, 'SIGKILL', () => wait(100, 2500)),
  ),
  'server restarted': fault<AppServer>(2, servers, ({ program }, { wait }) =>
    again(program, 'SIGTERM', () => wait(0, 500)),
  ),
  /** Past every time-out; then it goes on as if nothing had happened. */
  'server stopped': fault<AppServer>(4, servers, async ({ program }, { wait }) => {
    program.signal('SIGSTOP');
    await wait(500, 6000);
    program.signal('SIGCONT');
  }),
  /** Ill by its checks, in truth alive with all it holds. */
  'health flapped': fault<AppServer>(6, servers, async (server, { stage, random, wait }) => {
    await stage.makeUnwell(server, random.between(400, 2500)).catch(() => undefined);
    await wait(2500, 2500);
  }),
  'server drained': fault<AppServer>(3, servers, async (server, { stage, wait }) => {
    await stage.tell(server, 'drain').catch(() => undefined);
    await wait(500, 3000);
    await insist(20, () => stage.tell(server, 'ready'));
  }),
  'connections cut': fault<Wire>(4, wires, async (wire) => wire.cut()),
  'connections delayed': fault<Wire>(3, wires, async (wire, { random, wait }) => {
    wire.slow(random.between(10, 400));
    await wait(500, 3000);
    wire.heal();
  }),
  /** Nothing arrives; then what was held, or nothing ever. */
  'connections held': fault<Wire>(3, wires, async (wire, { random, wait }) => {
    wire.hold();
    await wait(200, 4000);
    if (random.next() < 0.5) wire.cut();
    wire.heal();
  }),
  'balancer killed': fault<Program>(2, balancer, (program) => again(program, 'SIGKILL', async () => undefined)),
  'balancer restarted': fault<Program>(1, balancer, (program) => again(program, 'SIGTERM', async () => undefined)),
  'redis killed': fault<Program>(2, redis, (program, { wait }) => again(program, 'SIGKILL', () => wait(0, 1500))),
};

export type FaultName = keyof typeof faults;
export const faultNames = Object.keys(faults) as FaultName[];

/** Faults at the same time. */
const lanes = 3;

export class Nemesis {
  readonly counts: Partial<Record<FaultName, number>> = {};
  private readonly stage: Stage;
  private readonly random: Random;
  private readonly say: (text: string) => void;
  private readonly weights: Readonly<Partial<Record<FaultName, number>>>;
  /** What a fault has at present, so that no other one breaks or mends it, too. */
  private readonly busy = new Set<object>();

  /** Commits these faults only. */
  constructor(stage: Stage, names: readonly FaultName[], random: Random, say: (text: string) => void) {
    this.weights = Object.fromEntries(names.map((name) => [name, faults[name].weight]));
    this.stage = stage;
    this.random = random;
    this.say = say;
  }

  /** Until told to stop; then everything is whole again. Rejects when something does not come back. */
  async run(stopped: AbortSignal): Promise<void> {
    await Promise.all(Array.from({ length: lanes }, () => this.lane(this.random.fork(), stopped)));
  }

  private async lane(random: Random, stopped: AbortSignal): Promise<void> {
    const { stage } = this;
    const wait = (from: number, to: number) =>
      sleep(random.between(from, to), undefined, { signal: stopped }).catch(() => undefined);
    while (!stopped.aborted) {
      await wait(50, 800);
      const name = random.weighted(this.weights as Record<FaultName, number>);
      const { targets, act } = faults[name];
      const possible = targets(stage);
      if (stopped.aborted || possible.length === 0) continue;
      const target = random.of(possible);
      if (this.busy.has(target)) continue;
      this.busy.add(target);
      this.say(`${name}${'name' in target ? `: ${target.name}` : ''}`);
      await act(target, { stage, random, wait });
      this.busy.delete(target);
      this.counts[name] = (this.counts[name] ?? 0) + 1;
    }
  }
}

async function again(program: Program, signal: NodeJS.Signals, pause: () => Promise<void>): Promise<void> {
  await program.end(signal);
  await pause();
  // A balancer whose Redis is away at the moment ends at once; whoever looks after it starts it again.
  await insist(30, () => program.start());
}

/** Until it goes through, so many times at most. */
async function insist(most: number, act: () => Promise<void>): Promise<void> {
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

/** A fault of any target: its own kind is what `targets` gives. */
function fault<Target extends object>(
  weight: number,
  targets: (stage: Stage) => readonly Target[],
  act: (target: Target, around: Around) => Promise<void>,
): Fault {
  return { weight, targets, act: (target, around) => act(target as Target, around) };
}
