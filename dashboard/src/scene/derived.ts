/** Which way sessions went between two looks, told from the counts of their servers: for when the events do not say it. */
import type { ServerView } from '../api/types.ts';
import type { FlightKind } from './flights.ts';
import { keyOf } from './layout.ts';

export interface Crossing {
  readonly from: string;
  readonly to: string;
  readonly kind: FlightKind;
}

/**
 * Sessions that a server has fewer, beside as many as another server of its pool has more; at most `most` of them. `changed`: how many
 * changed their server in that time, which the balancer counts: sessions also begin and end.
 */
export function crossingsBetween(
  before: readonly ServerView[],
  now: readonly ServerView[],
  changed: Readonly<Record<FlightKind, number>>,
  most: number,
): Crossing[] {
  const former = new Map(before.map((server) => [keyOf(server.pool, server.name), server.sessions.live]));
  const losers: { server: ServerView; left: number }[] = [];
  const gainers: { server: ServerView; left: number }[] = [];
  for (const server of now) {
    const grown = server.sessions.live - (former.get(keyOf(server.pool, server.name)) ?? server.sessions.live);
    if (grown !== 0) (grown < 0 ? losers : gainers).push({ server, left: Math.abs(grown) });
  }
  const room = { moved: Math.min(most, changed.moved), rescued: Math.min(most, changed.rescued) };
  const crossings: Crossing[] = [];
  for (const loser of losers) {
    const kind = loser.server.state === 'down' ? 'rescued' : 'moved';
    const others = gainers.filter(({ server }) => server.pool === loser.server.pool);
    for (let turn = 0; loser.left > 0 && room[kind] >= 1; turn++) {
      const open = others.filter(({ left }) => left > 0);
      const gainer = open[turn % Math.max(1, open.length)];
      if (gainer === undefined) break;
      loser.left--;
      gainer.left--;
      room[kind]--;
      crossings.push({
        from: keyOf(loser.server.pool, loser.server.name),
        to: keyOf(gainer.server.pool, gainer.server.name),
        kind,
      });
    }
  }
  return crossings;
}
