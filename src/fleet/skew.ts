/** How evenly sessions are spread over servers: what rebalancing goes by, and what operators are shown. */

export interface Share {
  readonly weight: number;
  readonly sessions: number;
}

/** Sessions for each unit of weight. With less than one session for each, a single session more is no skew: then 1. */
export function fairShare(sessions: number, weight: number): number {
  return weight === 0 ? Number.POSITIVE_INFINITY : Math.max(1, sessions / weight);
}

/** Sessions of the server that has most for its weight, over its fair share. 1: even. null: there are no sessions, or no servers. */
export function skewOf(shares: readonly Share[]): number | null {
  let sessions = 0;
  let weight = 0;
  for (const share of shares) {
    sessions += share.sessions;
    weight += share.weight;
  }
  if (sessions === 0 || weight === 0) return null;
  const fair = fairShare(sessions, weight);
  return shares.reduce(
    (most, one) => (one.weight === 0 ? most : Math.max(most, one.sessions / (fair * one.weight))),
    0,
  );
}
