/**
 * Decides when sessions leave servers that have too many of them. Without it new servers would stay idle after a scale-out until old
 * sessions end. A session moves with its own next request, and only if it has a copy and no other running request (owner-claims.ts);
 * this file decides from which servers, and how many in a second.
 */
import type { Fleet } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import { fairShare } from '../fleet/skew.ts';
import type { SessionTable } from '../table/table.ts';

export interface RebalanceSettings {
  /** Above this multiple of its fair share a server gives sessions away; 0: never. */
  readonly skew: number;
  /** The most sessions that move in a second. */
  readonly rate: number;
}

export class Rebalancer {
  private readonly settings: RebalanceSettings;
  private readonly fleet: Fleet;
  private readonly table: Pick<SessionTable, 'count'>;
  private readonly now: () => number;
  /** Of this second: how many sessions may still move, and the fair share of a server for each unit of its weight. */
  private second = 0;
  private left = 0;
  private fair = 0;
  /** Servers that have their fair share already. */
  private full: readonly Server[] = [];

  /** `now` in Unix seconds. */
  constructor(settings: RebalanceSettings, fleet: Fleet, table: Pick<SessionTable, 'count'>, now: () => number) {
    this.settings = settings;
    this.fleet = fleet;
    this.table = table;
    this.now = now;
  }

  /** A session of that server should leave, for another one than the servers returned, if `evensOut`. null: it stays. */
  shouldRebalance(server: Server): readonly Server[] | null {
    const { skew } = this.settings;
    if (skew === 0) return null;
    this.turn();
    return this.left > 0 && this.table.count(server.slot) > skew * this.fair * server.weight ? this.full : null;
  }

  /**
   * Whether the two have more even shares when a session leaves `from` for `to`; then it is counted as gone. What `shouldRebalance` knows is
   * up to a second old: without this, sessions would go to and fro until it is known better.
   */
  evensOut(from: Server, to: Server): boolean {
    const { table } = this;
    if ((table.count(to.slot) + 0.5) * from.weight >= (table.count(from.slot) - 0.5) * to.weight) return false;
    this.left--;
    return true;
  }

  /** Counts once a second: in between no more than `rate` sessions can have moved. */
  private turn(): void {
    const now = this.now();
    if (now === this.second) return;
    this.second = now;
    this.left = this.settings.rate;
    const { all, up } = this.fleet.snapshot;
    let sessions = 0;
    let weight = 0;
    // Those of servers that are drained or down come to the others.
    for (const server of all) sessions += this.table.count(server.slot);
    for (const server of up) weight += server.weight;
    this.fair = fairShare(sessions, weight);
    this.full = up.filter((server) => this.table.count(server.slot) >= this.fair * server.weight);
  }
}
