/** How many worker threads there may be, and how many there are when nobody says. */
import { availableParallelism } from 'node:os';

/** The table knows 255 writers, and the supervisor is one of them. */
export const mostWorkers = 254;

/** `auto`: one for each core. */
export function countOfWorkers(requested: number | 'auto'): number {
  return requested === 'auto' ? Math.min(availableParallelism(), mostWorkers) : requested;
}
