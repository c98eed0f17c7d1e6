/** Where the session of a request lives, and who says so: its token, the table, a hash, or a person. */
import type { RecognitionView } from '../affinity/affinity.ts';
import type { Server } from '../fleet/server.ts';
import type { PoolParts } from '../proxy/pool.ts';
import type { Attempt, DecisionRecorder, Found } from './decision-recorder.ts';
import type { Explanation } from './explanation.ts';

type Owner = NonNullable<Explanation['owner']>;

/** null: nobody owns the name. `servers` are as they were before the request. */
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
      return found?.look === 'live' ? owner(found.server, 'table', found.epoch) : null;
    case 'token': {
      const named = fleet.find(recognised.owner);
      return found !== null && knowsMore(found, recognised, named)
        ? owner(found.server, 'table', found.epoch)
        : owner(named, 'token', recognised.epoch);
    }
  }
}

/** The higher epoch is right; of one epoch there is one owner, and the table has it. */
function knowsMore(found: Found, { epoch }: RecognitionView, named: Server | undefined): boolean {
  if (found.look !== 'live') return false;
  return found.epoch > epoch || (found.epoch === epoch && found.server !== named);
}
