/** What is known of one server's health, and the state that follows from it. */

/** As an operator's: see `OperatorState` of workers/kept-changes.ts. */
export type AgentWord = 'ready' | 'drain' | 'down';

/** The health of one server, as active checks, traffic and operators report it. Plain data. */
export interface HealthReport {
  active: boolean;
  passive: boolean;
  drained: boolean;
  /** An operator has taken it down: no request goes there, not even in a panic. */
  maintenance: boolean;
  /** The server asks for its drain (`Limpet-Drain: 1`). Ends with the process that asked: when the server is found down. */
  asked: boolean;
  /** Another node of the fleet does not have it: a session that begins there would bounce. */
  unshared: boolean;
  /** What its agent says: see health/agent.ts. */
  agent: AgentWord;
  /** Share of its configured weight that its agent wants; 1: all. */
  share: number;
  /** The most exchanges at one time that its agent wants; 0: as configured. */
  cap: number;
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
  return {
    active: true,
    passive: true,
    drained: false,
    maintenance: false,
    asked: false,
    unshared: false,
    agent: 'ready',
    share: 1,
    cap: 0,
    since: null,
  };
}

export function stateOf(report: HealthReport): ServerState {
  if (!report.active || !report.passive || isTakenDown(report)) return 'down';
  return isDrained(report) ? 'draining' : 'up';
}

/** `weight`: as the config has it. */
export function takesNewSessions({ state, weight }: { readonly state: ServerState; readonly weight: number }): boolean {
  return state === 'up' && weight > 0;
}

/** Somebody has said so: it gets no new sessions. */
export function isDrained({ drained, asked, unshared, agent, maintenance }: HealthReport): boolean {
  return drained || asked || unshared || maintenance || agent !== 'ready';
}

/** Somebody has said so: it gets nothing. */
export function isTakenDown({ maintenance, agent }: HealthReport): boolean {
  return maintenance || agent === 'down';
}
