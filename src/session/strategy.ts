/** The names of the strategies: where the sessions of an app live. */

/**
 * - `sticky`: in the memory of one server, copied to the balancer's store with each change.
 * - `local`: in the memory of one server only.
 * - `shared`: in a store that all servers use.
 * - `stateless`: in an encrypted cookie.
 */
export type Strategy = 'sticky' | 'local' | 'shared' | 'stateless';

export const strategies: readonly Strategy[] = ['sticky', 'local', 'shared', 'stateless'];
