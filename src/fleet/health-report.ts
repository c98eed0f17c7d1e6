/** What is known of one server's health, and the state that follows from it. */

/** The health of one server, as active checks, traffic and operators report it. Plain data. */
export interface HealthReport {
  active: boolean;
  passive: boolean;
  drained: boolean;
  /** An operator has taken it down: no request goes there, not even in a panic. */
  maintenance: boolean;
  /** When the server last came back (ms); null when it never left or has its full weight. */
  since: number | null;
}

/** The same with the server's identity, for fleets on other threads, which may have another config. */
export interface NamedHealthReport extends HealthReport {
  /** `Server.identity`. */
  readonly server: string;
}

/** up: takes new sessions. draining: only the sessions that it has. down: nothing. */
export type ServerState = 'up' | 'draining' | 'down';

/** Of a server on which nobody has reported. */
export function newHealthReport(): HealthReport {
  return { active: true, passive: true, drained: false, maintenance: false, since: null };
}

export function stateOf({ active, passive, drained, maintenance }: HealthReport): ServerState {
  if (!active || !passive || maintenance) return 'down';
  return drained ? 'draining' : 'up';
}
