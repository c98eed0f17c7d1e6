/** The names of the strategies: where the sessions of an app live. */

export const strategies = ['sticky', 'local', 'shared', 'stateless'] as const;

/**
 * `sticky`: in the memory of one server, copied to the balancer's store with each change. `local`: in the memory of one server
 * only. `shared`: in a store that all servers use. `stateless`: in an encrypted cookie.
 */
export type Strategy = (typeof strategies)[number];
