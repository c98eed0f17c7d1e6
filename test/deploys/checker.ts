/** Judges a run by what the servers and the clients wrote down: what failed, which sessions were lost, and who moved. */
import type { Arrival, Outcome } from './visits.ts';

/** A session that another server has served than the one before. */
export interface Move {
  readonly request: number;
  readonly client: number;
  readonly from: string;
  readonly to: string;
}

/** A session that began anew, or forgot some of its visits, with this request. */
export interface Loss {
  readonly request: number;
  readonly client: number;
}

export interface Judgement {
  readonly requests: number;
  readonly sessions: number;
  /** A line for each request that failed. */
  readonly failures: readonly string[];
  /** By what the clients were answered. */
  readonly lost: readonly Loss[];
  readonly moves: readonly Move[];
  /** Requests that reached more than one server, or one of them twice: repeated by the balancer. */
  readonly repeated: number;
  /** Where the logs of the servers and of the clients contradict each other: the run proves nothing then. */
  readonly contradictions: readonly string[];
}

export function judge(arrivals: readonly Arrival[], outcomes: readonly Outcome[]): Judgement {
  const ordered = outcomes.toSorted((a, b) => a.request - b.request);
  const served = lastByRequest(arrivals);
  const contradictions: string[] = [];
  for (const { request, server, count, failure } of ordered) {
    const found = served.get(request);
    if (failure !== '' || (found?.server === server && found.count === count)) continue;
    const log = found === undefined ? 'no server' : `${found.server} with count ${found.count}`;
    contradictions.push(`request ${request}: answered by ${server} with count ${count}, logged by ${log}`);
  }
  const answered = ordered.filter(({ failure }) => failure === '');
  const lost = lossesIn(answered);
  const logged = lossesIn([...served.values()].toSorted((a, b) => a.request - b.request));
  if (logged.length !== lost.length)
    contradictions.push(`the clients have lost ${lost.length} sessions, by the logs of the servers ${logged.length}`);
  return {
    requests: ordered.length,
    sessions: new Set(ordered.map(({ client }) => client)).size,
    failures: ordered
      .filter(({ failure }) => failure !== '')
      .map(({ request, failure }) => `request ${request}: ${failure}`),
    lost,
    moves: movesIn(served),
    repeated: arrivals.length - served.size,
    contradictions,
  };
}

/** When a request came to several servers, the last one has answered it. */
function lastByRequest(arrivals: readonly Arrival[]): Map<number, Arrival> {
  const inTime = arrivals.toSorted((a, b) => a.at - b.at);
  return new Map(inTime.map((arrival) => [arrival.request, arrival]));
}

/** `visits`: in the order of their requests. A request that failed may have been counted, or not. */
function lossesIn(visits: readonly Pick<Arrival, 'request' | 'client' | 'count'>[]): Loss[] {
  const counts = new Map<number, number>();
  const lost: Loss[] = [];
  for (const { request, client, count } of visits) {
    if (count <= (counts.get(client) ?? 0)) lost.push({ request, client });
    counts.set(client, count);
  }
  return lost;
}

function movesIn(served: ReadonlyMap<number, Arrival>): Move[] {
  const owners = new Map<number, string>();
  const moves: Move[] = [];
  for (const { request, client, server } of [...served.values()].toSorted((a, b) => a.request - b.request)) {
    const from = owners.get(client);
    if (from !== undefined && from !== server) moves.push({ request, client, from, to: server });
    owners.set(client, server);
  }
  return moves;
}

/** The fullest server over the mean, at each second after `from`, by the last server of each client. `names`: all that count. */
export function skewBySecond(arrivals: readonly Arrival[], names: readonly string[], from: number): number[] {
  const owners = new Map<number, string>();
  const skews: number[] = [];
  let second = 1;
  for (const { at, client, server } of arrivals.toSorted((a, b) => a.at - b.at)) {
    while (at >= from + second * 1000) {
      skews.push(skewOf(owners, names));
      second++;
    }
    owners.set(client, server);
  }
  return skews;
}

function skewOf(owners: ReadonlyMap<number, string>, names: readonly string[]): number {
  const counts = new Map(names.map((name) => [name, 0]));
  for (const server of owners.values()) counts.set(server, (counts.get(server) ?? 0) + 1);
  return Math.max(...counts.values()) / (owners.size / names.length);
}
