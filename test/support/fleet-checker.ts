/**
 * Judges a run of a fleet by what its servers wrote down, and lost changes by what clients were told: while the owner of a session could be used by the node that was asked, no
 * request of the session may have reached another server. The owner is the server that saw the session last, unless that was wrong.
 */
import type { Outcome } from './fleet-clients.ts';
import type { Visit } from './fleet-visits.ts';

/** A server that could not be used, or whose sessions were to leave it. */
export interface Trouble {
  readonly server: string;
  /** The node that could not use it; '*' all. */
  readonly node: string;
  readonly from: number;
  /** Infinity: it continues. */
  to: number;
}

export interface FleetRecords {
  readonly troubles: readonly Trouble[];
  /** For so long (ms) after its trouble a server may be out at a node: it was ejected. */
  readonly aftermathMs: number;
  /** A node may go by what it knew for so long (ms) after the session was served by its new owner: until the move has reached it. */
  readonly messageMs: number;
}

export interface FleetJudgement {
  readonly visits: number;
  readonly sessions: number;
  /** Changes of the owner that had a reason. */
  readonly moves: number;
  /** Requests at a former owner within the time of a message: how much later (ms) than the first one at the new owner. */
  readonly late: readonly number[];
  /** A line for each request at a wrong server. */
  readonly wrong: readonly string[];
  /** A line for each epoch that two servers were told to have (I2). */
  readonly twoOwners: readonly string[];
  /** A line for each change that was acknowledged although a former one was not in it any more (I3). */
  readonly lost: readonly string[];
}

export function judgeFleet(
  visits: readonly Visit[],
  outcomes: readonly Outcome[],
  records: FleetRecords,
): FleetJudgement {
  const asked = new Map(outcomes.map((outcome) => [outcome.request, outcome]));
  const bySession = Map.groupBy(visits, ({ session }) => session);
  const outcomesOf = Map.groupBy(outcomes, ({ session }) => session);
  const all = [...bySession].map(([session, its]) =>
    judgeSession(
      its.toSorted((a, b) => a.at - b.at),
      outcomesOf.get(session) ?? [],
      asked,
      records,
    ),
  );
  return {
    visits: visits.length,
    sessions: bySession.size,
    moves: all.reduce((sum, { moves }) => sum + moves, 0),
    late: all.flatMap(({ late }) => late),
    wrong: all.flatMap(({ wrong }) => wrong),
    twoOwners: [...bySession.values()].flatMap(epochsOfTwo),
    lost: [...outcomesOf.values()].flatMap(lostChanges),
  };
}

function judgeSession(
  visits: readonly Visit[],
  outcomes: readonly Outcome[],
  asked: ReadonlyMap<number, Outcome>,
  { troubles, aftermathMs, messageMs }: FleetRecords,
) {
  const [first] = visits;
  let owner = first!.server;
  /** The first and the last time that the owner has seen it as owner. */
  let [since, last] = [first!.at, first!.at];
  const former = new Set<string>();
  const late: number[] = [];
  const wrong: string[] = [];
  let moves = 0;
  for (const visit of visits) {
    if (visit.server === owner) {
      last = visit.at;
      continue;
    }
    // One that has failed may have moved the session, and left nothing in any log.
    const since_ = last;
    const tried = outcomes.filter(({ sent, ended }) => sent <= visit.at && ended >= since_);
    const own = asked.get(visit.request);
    const all = own === undefined ? tried : [...tried, own];
    const isExcused = troubles.some(
      (one) =>
        one.server === owner &&
        all.some(
          ({ node, sent, ended }) =>
            (one.node === '*' || one.node === node) && one.from < ended && sent < one.to + aftermathMs,
        ),
    );
    if (isExcused) {
      moves++;
      former.add(owner);
      owner = visit.server;
      since = last = visit.at;
    } else if (former.has(visit.server) && visit.at - since <= messageMs) {
      late.push(visit.at - since);
    } else {
      const by = asked.get(visit.request)?.node ?? 'a node';
      const path = visits.map(({ server, at }) => `${server} ${at.toFixed(0)}`).slice(-12);
      wrong.push(
        `${visit.session}: request ${visit.request} by ${by} at ${visit.at.toFixed(0)} ms: at ${visit.server}, its owner is ${owner} since ${since.toFixed(0)} ms (${path.join(', ')})`,
      );
    }
  }
  return { moves, late, wrong };
}

function epochsOfTwo(visits: readonly Visit[]): string[] {
  const owners = new Map<number, string>();
  return visits.flatMap(({ session, server, epoch }) => {
    if (epoch === 0) return [];
    const before = owners.get(epoch);
    owners.set(epoch, before ?? server);
    return before === undefined || before === server
      ? []
      : [`${session}: epoch ${epoch} at ${before} and at ${server}`];
  });
}

/** Changes count up: of two that were made at the same time each has a number of its own, and of two in a row the later one a higher one. */
function lostChanges(outcomes: readonly Outcome[]): string[] {
  const changes = outcomes.filter(({ change }) => change > 0);
  return changes.flatMap((one) => {
    const isLost = (other: Outcome) =>
      other !== one &&
      (other.change === one.change ? other.request < one.request : other.change > one.change && other.ended < one.sent);
    const lost = changes.find(isLost);
    const at = ({ request, change, server, node }: Outcome) =>
      `${change} (request ${request} by ${node}, at ${server})`;
    return lost === undefined ? [] : [`${one.session}: change ${at(lost)} is not in change ${at(one)}`];
  });
}
