/**
 * Stands between a pool and the decisions made for it, and records them: what each affinity found, what the session table knew of the
 * session, and which server each step chose.
 */
import {
  type Affinity,
  type Binding,
  type ClientFacts,
  isBinder,
  type ProofResult,
  Recognition,
} from '../affinity/affinity.ts';
import { descriptorOf } from '../affinity/registry.ts';
import type { AffinityOptions, PoolAffinity, PoolOptions } from '../config/options.ts';
import type { Server } from '../fleet/server.ts';
import type { RequestHead } from '../http/head.ts';
import { Splice } from '../http/splice.ts';
import type { PoolParts } from '../proxy/pool.ts';

/** What one affinity found in the request. */
export interface AffinityDecision {
  readonly options: PoolAffinity;
  readonly name: string;
  readonly recognised: boolean;
  /** False: another affinity had recognised the session before, and this one only removed what the server must not see. */
  readonly asked: boolean;
  readonly proof: ProofResult;
  /** Its token was dated by a clock that is ahead of ours. */
  readonly ahead: boolean;
  /** Another pool, which accepts the proof that this one refuses; null: there is none. */
  readonly otherPool: string | null;
  readonly peerTrusted: boolean;
}

/**
 * How a server was chosen: by the policy, by hashing a name that has no owner, by hashing over all servers of the pool, or by hashing
 * over those that are up.
 */
export interface Step {
  readonly by: 'policy' | 'key' | 'hash-owner' | 'substitute';
  readonly server: Server | undefined;
}

/** One connection to a server, and the steps that led to this server. */
export interface Attempt {
  readonly server: string;
  readonly steps: readonly Step[];
}

type Table = PoolParts['table'];

/** What the table knew of the session before this request changed anything. */
export interface Found {
  readonly lookup: ReturnType<Table['find']>;
  /** undefined: the pool no longer has the server. Times are Unix seconds. */
  readonly server: Server | undefined;
  readonly epoch: number;
  readonly born: number;
  readonly seen: number;
}

interface RecordedPool {
  readonly options: PoolOptions;
  readonly parts: PoolParts;
}

export class DecisionRecorder {
  readonly pools: RecordedPool[] = [];
  /** In the pool's order. */
  readonly affinities: AffinityDecision[] = [];
  steps: Step[] = [];
  /** The session as it was recognised; null: none was. */
  recognised: Recognition | null = null;
  /** What the affinities know about the session of the exchange now; null: none was called yet. */
  session: Recognition | null = null;
  /** What `bind` of an affinity got; null: it was not called. */
  binding: Binding | null = null;
  /** null: nothing was looked up yet. */
  found: Found | null = null;
  /** The response has ended the session. */
  ended = false;

  /** For `BalancerDependencies`. */
  readonly observe = (parts: PoolParts, options: PoolOptions): PoolParts => {
    this.pools.push({ options, parts });
    const note = (by: Step['by'], server: Server | undefined): Server | undefined => {
      this.steps.push({ by, server });
      return server;
    };
    return {
      ...parts,
      affinities: parts.affinities.map((affinity, i) => this.recordAffinity(affinity, options, i)),
      table: this.recordTable(parts),
      choose: (key, excluded) => note('policy', parts.choose(key, excluded)),
      chooseNewOwner: (key, excluded) => note('policy', parts.chooseNewOwner(key, excluded)),
      chooseForKey: (key, excluded) => note('key', parts.chooseForKey(key, excluded)),
      hashOwner: (key) => note('hash-owner', parts.hashOwner(key)),
      chooseSubstitute: (key, excluded) => note('substitute', parts.chooseSubstitute(key, excluded)),
    };
  };

  private recordTable({ table, fleet }: PoolParts): Table {
    const recorded: Table = Object.create(table);
    const find: Table['find'] = (key, now, out) => {
      const lookup = table.find(key, now, out);
      const { epoch, born, seen } = out;
      this.found ??= { lookup, server: fleet.at(out.server), epoch, born, seen };
      return lookup;
    };
    const enter: Table['enter'] = (key, now, out) => {
      // Before it enters, which changes when it was seen last.
      find(key, now, out);
      return table.enter(key, now, out);
    };
    const end: Table['end'] = (key, now) => {
      this.ended = true;
      return table.end(key, now);
    };
    return Object.assign(recorded, { find, enter, end });
  }

  private recordAffinity(affinity: Affinity, pool: PoolOptions, index: number): Affinity {
    // Everything else is inherited. The pool knows this object, so it has to be the session's affinity.
    const recorded: Affinity = Object.create(affinity);
    if (isBinder(affinity)) {
      recorded.begin = (now, session) => {
        affinity.begin(now, session);
        if (session.affinity === affinity) session.affinity = recorded;
      };
    }
    const { bind } = affinity;
    if (bind !== undefined) {
      recorded.bind = (recognition, binding, ...rest) => {
        const { owner, epoch, isBindingDue, mustBind } = binding;
        this.binding = { owner, epoch, isBindingDue, mustBind };
        return bind.call(affinity, recognition, binding, ...rest);
      };
    }
    return Object.assign(recorded, {
      recognise: (request: RequestHead, client: ClientFacts, now: number, session: Recognition, edit: Splice) => {
        // The proof of the affinity before is put aside, so that this one's is seen.
        const before = session.proof;
        const own: { proof: ProofResult } = session;
        own.proof = 'none';
        const recognised = affinity.recognise(request, client, now, session, edit);
        if (session.affinity === affinity) session.affinity = recorded;
        const proof = session.proof;
        if (proof === 'none') session.proof = before;
        const options = pool.affinity[index]!;
        const asked = this.recognised === null;
        const otherPool = isUnknown(proof) ? this.ownerOf(options, pool, request, client, now) : null;
        const peerTrusted = client.peerTrusted === true;
        this.affinities.push({
          options,
          name: affinity.name,
          recognised,
          asked,
          proof,
          ahead: session.ahead,
          otherPool,
          peerTrusted,
        });
        this.session ??= session;
        if (recognised && asked) this.recognised = Object.assign(new Recognition(), session);
        return recognised;
      },
    });
  }

  /** The pool whose affinity of the same name accepts the proof that this one refuses. */
  private ownerOf(
    options: AffinityOptions,
    pool: PoolOptions,
    request: RequestHead,
    client: ClientFacts,
    now: number,
  ): string | null {
    const { tableNameOf } = descriptorOf(options);
    for (const other of this.pools) {
      if (other.options === pool) continue;
      for (const [i, affinity] of other.parts.affinities.entries()) {
        const theirs = other.options.affinity[i]!;
        if (theirs.type !== options.type || tableNameOf(theirs) !== tableNameOf(options)) continue;
        const session = new Recognition();
        affinity.recognise(request, client, now, session, new Splice());
        if (session.proof !== 'none' && !isUnknown(session.proof)) return other.options.name;
      }
    }
    return null;
  }
}

function isUnknown(proof: ProofResult): boolean {
  return proof === 'invalid' || proof === 'foreign';
}
