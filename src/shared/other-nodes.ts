/**
 * Notices that another balancer gives cookies under the same keys although the config has no `fleet`: valid tokens that began after this
 * worker, under ids that this node has not made and does not know. Looks at one request in sixteen, until it is sure.
 */
import type { OwnIds } from './own-ids.ts';

export interface SeenToken {
  readonly sid0: number;
  readonly sid1: number;
  readonly sid2: number;
  readonly sid3: number;
  /** Unix seconds. */
  readonly born: number;
}

export interface OtherNodesDependencies {
  readonly ids: OwnIds;
  /** Unix seconds. */
  readonly startedAt: number;
  /** Called once. */
  readonly onNoticed: (pool: string) => void;
}

const oneIn = 16;
/** Different sessions, so that one that a tester has made by hand is no reason. */
const untilSure = 3;

export class OtherNodes {
  private readonly deps: OtherNodesDependencies;
  private requests = 0;
  private readonly found = new Set<string>();
  private isOver = false;

  constructor(deps: OtherNodesDependencies) {
    this.deps = deps;
  }

  /**
   * `isKnown`: the table has the session. A server that speaks the session protocol makes ids as well, and those are in the table.
   */
  check(pool: string, { sid0, sid1, sid2, sid3, born }: SeenToken, isKnown: () => boolean): void {
    const { ids, startedAt, onNoticed } = this.deps;
    // Clocks have whole seconds here.
    if (this.isOver || born <= startedAt + 1 || ++this.requests % oneIn !== 0) return;
    if (ids.isOwn(sid0, sid1, sid2, sid3) || isKnown()) return;
    this.found.add(`${sid0} ${sid1}`);
    if (this.found.size < untilSure) return;
    this.isOver = true;
    this.found.clear();
    onNoticed(pool);
  }
}
