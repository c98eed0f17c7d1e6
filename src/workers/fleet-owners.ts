/**
 * What this balancer does for the others of its fleet, and they for it, with the owners of sessions: it follows their moves, asks them before
 * moves of its own, and renews records.
 */
import type { FleetOptions, LimpetOptions } from '../config/options.ts';
import type { Numbers } from '../shared/slots.ts';
import type { InjectedFault } from '../store/injected-fault.ts';
import type { RedisConnection } from '../store/redis-connection.ts';
import { type MovesListener, RedisMoves } from '../store/redis-moves.ts';
import type { Store } from '../store/store.ts';
import { type FollowedPoolsDependencies, followedPools } from './followed-pools.ts';
import { MoveAgreements } from './move-agreements.ts';
import { MoveFollower, type MoveFollowerDependencies } from './move-follower.ts';
import { OwnerRenewal, type OwnerRenewalDependencies } from './owner-renewal.ts';

export interface FleetOwnersDependencies
  extends FollowedPoolsDependencies,
    MoveFollowerDependencies,
    OwnerRenewalDependencies {
  /** Id of this node. */
  readonly node: string;
  /** Ids of the other nodes that are there. */
  readonly others: () => readonly string[];
  readonly injectedFault: InjectedFault | null;
}

/** Between two looks at all streams (ms), for messages that were lost. */
const lookPauseMs = 1000;

export class FleetOwners {
  private readonly deps: FleetOwnersDependencies;
  private readonly follower: MoveFollower;
  private readonly renewal: OwnerRenewal;
  private readonly moves: RedisMoves;
  private readonly agreements: MoveAgreements;
  private isStopped = false;
  private cancelTimer: () => void = () => {};

  constructor(connection: RedisConnection, { history }: FleetOptions, deps: FleetOwnersDependencies) {
    this.deps = deps;
    this.follower = new MoveFollower(deps);
    this.renewal = new OwnerRenewal(deps);
    const listener: MovesListener = {
      onMoves: (pool, told) => {
        if (deps.injectedFault !== 'untold-moves') this.follower.onMoves(pool, told);
      },
      onMissed: (pool, until) => this.follower.onMissed(pool, until),
      onMessage: (text) => this.agreements.onMessage(text),
    };
    this.moves = new RedisMoves(connection, listener, { history, now: () => deps.clock.now() });
    this.agreements = new MoveAgreements({
      ...deps,
      publish: (text) => this.moves.publish(text),
      intend: (key, intent) => this.moves.intend(key, intent),
    });
  }

  /** `Store.claim`, after all nodes have agreed where the owner is up. */
  get claim(): Store['claim'] {
    return (...args) => this.agreements.claim(...args);
  }

  /** Another config is in force. */
  follow(options: LimpetOptions, numbers: Numbers): void {
    const pools = followedPools(options, numbers, this.deps);
    this.follower.follow(pools);
    this.renewal.follow(pools);
    this.moves.follow(pools.map(({ name }) => name));
  }

  /** Resolves when what other balancers have told so far is known here, or the store does not answer. */
  async start(): Promise<void> {
    await this.moves.start();
    this.renewal.start();
    this.look();
  }

  /** For good. */
  stop(): void {
    this.isStopped = true;
    this.cancelTimer();
    this.renewal.stop();
  }

  private look(): void {
    if (this.isStopped) return;
    this.cancelTimer = this.deps.timers.after(lookPauseMs, () => void this.moves.readAll().finally(() => this.look()));
  }
}
