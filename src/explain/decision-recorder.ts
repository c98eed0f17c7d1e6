/**
 * Listens in between the pools and the decisions made for them: what each affinity said, what the table knew of the
 * session, and who was asked for a server.
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

/** What one affinity said of the request. */
export interface Heard {
  readonly options: PoolAffinity;
  readonly name: string;
  readonly recognised: boolean;
  /** False: another one had recognised before, and this one only took out what is its own. */
  readonly asked: boolean;
  readonly proof: ProofResult;
  /** Its token was dated by a clock that is ahead. */
  readonly ahead: boolean;
  /** The pool that would take what this one does not. */
  readonly otherPool: string | null;
  readonly peerTrusted: boolean;
}

/** Who named a server: the policy, hashing of a key that is nobody's, hashing among all servers, or among those that are up. */
export interface Step {
  readonly by: 'policy' | 'key' | 'hash-owner' | 'substitute';
  readonly server: Server | undefined;
}

/** One connection to a server, and how it came to that one. */
export interface Attempt {
  readonly server: string;
  readonly steps: readonly Step[];
}

type Table = PoolParts['table'];

/** What the table knew of the session before this request changed anything. */
export interface Found {
  readonly look: ReturnType<Table['find']>;
  /** undefined: of this pool no more. Times are Unix seconds. */
  readonly server: Server | undefined;
  readonly epoch: number;
  readonly born: number;
  readonly seen: number;
}

interface Watched {
  readonly options: PoolOptions;
  readonly parts: PoolParts;
}

export class DecisionRecorder {
  readonly pools: Watched[] = [];
  readonly heard: Heard[] = [];
  steps: Step[] = [];
  /** The session as it was recognised; null when none was. */
  recognised: Recognition | null = null;
  /** What the affinities know of the session of the exchange now; null as long as none was asked. */
  session: Recognition | null = null;
  /** What the client was to be told of its session's owner; null: no affinity was asked to tell. */
  binding: Binding | null = null;
  /** null as long as the table was not asked. */
  found: Found | null = null;
  /** The answer ended the session. */
  ended = false;

  /** For `LimpetDependencies`. */
  readonly observe = (parts: PoolParts, options: PoolOptions): PoolParts => {
    this.pools.push({ options, parts });
    const note = (by: Step['by'], server: Server | undefined): Server | undefined => {
      this.steps.push({ by, server });
      return server;
    };
    return {
      ...parts,
      affinities: parts.affinities.map((affinity, i) => this.listen(affinity, options, i)),
      table: this.overhear(parts),
      choose: (key, excluded) => note('policy', parts.choose(key, excluded)),
      chooseForKey: (key, excluded) => note('key', parts.chooseForKey(key, excluded)),
      hashOwner: (key) => note('hash-owner', parts.hashOwner(key)),
      chooseSubstitute: (key, excluded) => note('substitute', parts.chooseSubstitute(key, excluded)),
    };
  };

  private overhear({ table, fleet }: PoolParts): Table {
    const heard: Table = Object.create(table);
    const find: Table['find'] = (key, now, out) => {
      const look = table.find(key, now, out);
      const { epoch, born, seen } = out;
      this.found ??= { look, server: fleet.at(out.server), epoch, born, seen };
      return look;
    };
    const enter: Table['enter'] = (key, now, out) => {
      // As it was: to enter is to be seen.
      find(key, now, out);
      return table.enter(key, now, out);
    };
    const end: Table['end'] = (key, now) => {
      this.ended = true;
      return table.end(key, now);
    };
    return Object.assign(heard, { find, enter, end });
  }

  private listen(affinity: Affinity, pool: PoolOptions, index: number): Affinity {
    // All else it does as it is; but who recognises or begins a session is this one, as the pool knows it.
    const heard: Affinity = Object.create(affinity);
    if (isBinder(affinity)) {
      heard.begin = (now, session) => {
        affinity.begin(now, session);
        if (session.affinity === affinity) session.affinity = heard;
      };
    }
    const { bind } = affinity;
    if (bind !== undefined) {
      heard.bind = (recognition, binding, ...rest) => {
        const { owner, epoch, isBindingDue, mustBind } = binding;
        this.binding = { owner, epoch, isBindingDue, mustBind };
        return bind.call(affinity, recognition, binding, ...rest);
      };
    }
    return Object.assign(heard, {
      recognise: (request: RequestHead, client: ClientFacts, now: number, session: Recognition, edit: Splice) => {
        // What the one before it found out is not this one's proof.
        const before = session.proof;
        const own: { proof: ProofResult } = session;
        own.proof = 'none';
        const recognised = affinity.recognise(request, client, now, session, edit);
        if (session.affinity === affinity) session.affinity = heard;
        const proof = session.proof;
        if (proof === 'none') session.proof = before;
        const options = pool.affinity[index]!;
        const asked = this.recognised === null;
        const otherPool = isUnknown(proof) ? this.ownerOf(options, pool, request, client, now) : null;
        const peerTrusted = client.peerTrusted === true;
        this.heard.push({
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

  /** The other pool whose affinity of the same cookie knows what this one does not. */
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
