/** The owner of a request's session, and where that is known from: its token, the table, a hash, or the config. */
import type { RecognitionView } from '../affinity/affinity.ts';
import type { Server } from '../fleet/server.ts';
import type { PoolParts } from '../proxy/pool.ts';
import type { Attempt, DecisionRecorder, Found } from './decision-recorder.ts';
import type { Explanation } from './explanation.ts';

type Owner = NonNullable<Explanation['owner']>;

/** null: the name has no owner. `servers`: as they were before the request. */
export function ownerOf(
  { found, steps }: DecisionRecorder,
  recognised: RecognitionView,
  attempts: readonly Attempt[],
  { fleet }: PoolParts,
  servers: Explanation['servers'],
): Owner | null {
  const owner = (server: Server | undefined, source: Owner['source'], epoch: number): Owner => {
    const state = servers.find(({ name }) => name === server?.name)?.state ?? 'gone';
    return { server: server?.name ?? null, state, source, epoch };
  };
  switch (recognised.kind) {
    case 'fixed':
      return owner(fleet.find(recognised.owner), 'fixed', 0);
    case 'hash': {
      const all = [...attempts.flatMap((attempt) => attempt.steps), ...steps];
      return owner(all.find(({ by }) => by === 'hash-owner')?.server, 'hash', 0);
    }
    case 'key':
      return found?.lookup === 'live' ? owner(found.server, 'table', found.epoch) : null;
    case 'token': {
      const named = fleet.find(recognised.owner);
      return found !== null && knowsMore(found, recognised, named)
        ? owner(found.server, 'table', found.epoch)
        : owner(named, 'token', recognised.epoch);
    }
  }
}

/** The table is right when its epoch is higher, and also for the same epoch: an epoch has one owner. */
function knowsMore(found: Found, { epoch }: RecognitionView, named: Server | undefined): boolean {
  if (found.lookup !== 'live') return false;
  return found.epoch > epoch || (found.epoch === epoch && found.server !== named);
}
