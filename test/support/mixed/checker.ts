/**
 * Judges a run of the mixed load from the logs of the app servers, the driver's log and what was done to the servers. It
 * knows nothing of the balancer: only where each request arrived, and which servers could not have taken it.
 */
import { type Arrival, kindOf, type Outcome } from './record.ts';

/** A time in which a server was of no use, in microseconds. */
export interface Outage {
  readonly server: string;
  readonly cause: 'killed' | 'removed';
  /** Before it was killed or taken out of the config, and when that was done. */
  readonly from: number;
  readonly gone: number;
  /** Before it was started or put in again, and when that was done. Infinity: never. */
  readonly until: number;
  readonly back: number;
}

export interface Margins {
  /** After a kill the balancer may need so long to find out. */
  readonly late: number;
  /** The same after one that was killed is `back`. */
  readonly recovery: number;
}

export interface Evidence {
  readonly arrivals: readonly Arrival[];
  readonly outcomes: readonly Outcome[];
  readonly outages: readonly Outage[];
  readonly margins: Margins;
}

export interface Judgement {
  readonly requests: number;
  readonly arrivals: number;
  readonly sessions: number;
  /** Changes of owner that an outage explains. */
  readonly moves: { readonly killed: number; readonly removed: number };
  /** Requests that reached the old owner when others had left it: they were sent before it had been removed. */
  readonly late: number;
  /** Requests without an answer of an app, by method and status; `excused`: not idempotent, and the server was killed meanwhile. */
  readonly failures: Readonly<Record<string, number>>;
  readonly excused: number;
  /** Ownerships that the balancer has told of: one for each session and epoch. */
  readonly epochs: number;
  /** What must not be; empty when all is well. */
  readonly violations: readonly string[];
  /** The last owner of each session that has not ended. */
  readonly owners: ReadonlyMap<string, string>;
}

/** Safe to repeat (RFC 9110 section 9.2.2), among the methods of this load. */
const idempotent = new Set(['GET', 'DELETE']);

export function judge(evidence: Evidence): Judgement {
  const found: Findings = { violations: [], moves: { killed: 0, removed: 0 }, late: 0, owners: new Map() };
  const bySession = Map.groupBy(evidence.arrivals, (arrival) => arrival.session);
  const sent = new Map(evidence.outcomes.map((outcome) => [outcome.seq, outcome.sent]));
  for (const arrivals of bySession.values()) followSession(arrivals, (seq) => sent.get(seq) ?? 0, evidence, found);
  const failed = judgeOutcomes(evidence, found.violations);
  const epochs = judgeEpochs(evidence.outcomes, found.violations);
  for (const { part, status, session } of evidence.outcomes) {
    if (part === 'end' && status === 200) found.owners.delete(session);
  }
  return {
    requests: evidence.outcomes.length,
    arrivals: evidence.arrivals.length,
    sessions: bySession.size,
    ...found,
    ...failed,
    epochs,
  };
}

interface Findings {
  readonly violations: string[];
  readonly moves: { killed: number; removed: number };
  late: number;
  readonly owners: Map<string, string>;
}

/** One session from server to server, in the order in which the servers saw it. `sentAt`: when a request left its client. */
function followSession(
  unordered: readonly Arrival[],
  sentAt: (seq: number) => number,
  { outages, margins }: Evidence,
  found: Findings,
): void {
  const arrivals = unordered.toSorted((a, b) => a.at - b.at);
  const [first] = arrivals;
  if (first === undefined) return;
  let owner = first.server;
  /** The last arrival at the owner. */
  let last = first;
  /** Owners before, which were left for an outage. */
  const left: Outage[] = [];
  for (const arrival of arrivals) {
    const { at, server, session, seq } = arrival;
    const sent = sentAt(seq);
    const gone = outages.find((one) => {
      return one.server === server && one.cause === 'removed' && sent > one.gone && at < one.until;
    });
    if (gone !== undefined) {
      found.violations.push(
        `${session}: ${tell(arrival)}, sent ${ms(sent - gone.gone)} ms after ${server} was removed`,
      );
    }
    if (server === owner) {
      last = arrival;
      continue;
    }
    if (left.some((one) => one.server === server && one.cause === 'removed' && sent <= one.gone)) {
      found.late++;
      continue;
    }
    const why = outages.find((one) => {
      if (one.server !== owner || at < one.from) return false;
      const lastSent = sentAt(last.seq);
      if (one.cause === 'removed') return sent <= one.back && lastSent <= one.gone;
      // While it comes back it may be found out again. Who was served there when it was back has no reason to leave.
      const whileComing = last.at >= one.until && last.at <= one.back;
      return sent <= one.back + margins.recovery && (lastSent <= one.gone || whileComing);
    });
    if (why === undefined) {
      const before = outages.findLast((one) => one.server === owner && one.from <= at);
      const since = before === undefined ? '' : ` (last ${before.cause} ${ms(at - before.from)} ms before)`;
      found.violations.push(`${session}: ${tell(arrival)} although its owner ${owner} is usable${since}`);
    } else {
      found.moves[why.cause]++;
      left.push(why);
    }
    owner = server;
    last = arrival;
  }
  found.owners.set(first.session, owner);
}

function judgeOutcomes({ arrivals, outcomes, outages, margins }: Evidence, violations: string[]) {
  const failures: Record<string, number> = {};
  let excused = 0;
  const bySeq = Map.groupBy(arrivals, (arrival) => arrival.seq);
  const known = new Set<number>();
  for (const outcome of outcomes) {
    const { seq, method, status, server, sent, received } = outcome;
    const reached = bySeq.get(seq) ?? [];
    known.add(seq);
    if (!idempotent.has(method) && reached.length > 1) {
      violations.push(`${outcome.session}: ${method} ${seq} was sent to servers ${reached.length} times`);
    }
    if (reached.some((arrival) => arrival.session !== outcome.session)) {
      violations.push(`${outcome.session}: request ${seq} arrived as one of ${reached[0]?.session}`);
    }
    if (status === 200) {
      if (!reached.some((arrival) => arrival.server === server)) {
        violations.push(`${outcome.session}: ${method} ${seq} was answered by ${server}, which never saw it`);
      }
      continue;
    }
    const what = `${method} ${status}`;
    failures[what] = (failures[what] ?? 0) + 1;
    const hit = outages.some((one) => {
      return one.cause === 'killed' && one.gone >= sent - margins.late && one.from <= received;
    });
    if (hit && !idempotent.has(method) && status !== -1) excused++;
    else violations.push(`${outcome.session}: ${method} ${seq} failed with ${status}, answered by ${server}`);
  }
  for (const seq of bySeq.keys()) {
    if (!known.has(seq)) violations.push(`request ${seq} reached a server, and the driver knows nothing of it`);
  }
  return { failures, excused };
}

/** One owner per epoch, as the answers tell it; answers how many. */
function judgeEpochs(outcomes: readonly Outcome[], violations: string[]): number {
  const owners = new Map<string, string>();
  for (const { session, epoch, server, status } of outcomes) {
    if (epoch === 0 || status !== 200) continue;
    const key = `${session} ${epoch}`;
    const owner = owners.get(key);
    if (owner === undefined) owners.set(key, server);
    else if (owner !== server) violations.push(`${session}: epoch ${epoch} has two owners, ${owner} and ${server}`);
  }
  return owners.size;
}

/**
 * How many sessions of each `pool/server` a table must hold. A session whose name the app or the client gave is there
 * from its first answer; one of the balancer's own cookie when the cookie has come back.
 */
export function expectedCounts(
  { owners }: Judgement,
  outcomes: readonly Outcome[],
  poolOf: (kind: string) => string,
): Map<string, number> {
  const stored = new Set<string>();
  for (const { session, part, status } of outcomes) {
    if (status === 200 && (part === 'go' || kindOf(session) !== 'cookie')) stored.add(session);
  }
  const counts = new Map<string, number>();
  for (const [session, owner] of owners) {
    if (!stored.has(session)) continue;
    const key = `${poolOf(kindOf(session))}/${owner}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

function tell({ method, seq, server }: Arrival): string {
  return `${method} ${seq} arrived at ${server}`;
}

function ms(us: number): number {
  return Math.round(us / 1000);
}
