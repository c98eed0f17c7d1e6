/** How a server is called in what the command line prints. */
import type { ServerView } from '../admin/schemas.ts';

export function nameOf({ pool, name }: Pick<ServerView, 'pool' | 'name'>): string {
  return `${pool}/${name}`;
}

export function stateOf({ state, drained }: Pick<ServerView, 'state' | 'drained'>): string {
  return state === 'down' && drained ? 'down, drained' : state;
}
