/** What the admin API and the metrics say of the fleet. */
import type { FleetView } from '../admin/schemas.ts';
import type { KnownNode } from '../nodes/nodes.ts';

export function nodeViewOf(
  { report, isOwn, isLive, age, clockAhead, differs }: KnownNode,
  revision: number,
): FleetView['nodes'][number] {
  const { id, name, version, runtime, started, config, failure } = report;
  return {
    id,
    name,
    self: isOwn,
    state: isLive ? 'live' : 'gone',
    version,
    runtime,
    startedAt: new Date(started).toISOString(),
    silentMs: Math.round(age),
    clockAheadMs: Math.round(clockAhead),
    configHash: config,
    differs: differs.slice(0, 50),
    pending: Math.max(0, revision - report.revision),
    failure: failure === '' ? null : failure,
  };
}

/**
 * A session that several nodes have served is in the table of each: the sum counts it more than once, and what the table with the most
 * of them has is the least that there can be.
 */
export function poolSums(live: readonly KnownNode[]): FleetView['pools'] {
  const names = new Set(live.flatMap(({ report }) => Object.keys(report.pools)));
  return [...names].map((name) => {
    const counts = live.flatMap(({ report }) => report.pools[name] ?? []);
    const rate = counts.reduce((sum, { requestsPerSecond }) => sum + requestsPerSecond, 0);
    return {
      name,
      requestsPerSecond: Math.round(rate * 10) / 10,
      sessions: {
        atLeast: Math.max(0, ...counts.map(({ sessions }) => sessions)),
        atMost: counts.reduce((sum, { sessions }) => sum + sessions, 0),
      },
    };
  });
}
