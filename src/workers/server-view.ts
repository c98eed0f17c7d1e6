/** What is said of a server to those who operate the balancer. Plain data. */
import type { ServerState } from '../fleet/health-report.ts';

export interface ServerView {
  readonly pool: string;
  readonly name: string;
  readonly address: string;
  readonly state: ServerState;
  /** It gets no new sessions because somebody said so. A server that is down may be drained, too. */
  readonly drained: boolean;
  readonly weight: number;
  /** 0: no cap. */
  readonly maxRequests: number;
  /** Open exchanges, streams and tunnels among them. */
  readonly inflight: number;
  /** Requests that wait for a place on it. */
  readonly waiting: number;
  readonly streams: number;
  readonly tunnels: number;
  readonly sessions: { readonly live: number; readonly copied: number; readonly uncopied: number };
  /** When its state began, ISO 8601; null: not known. */
  readonly since: string | null;
  readonly reason: string | null;
  readonly lastCheck: { readonly at: string; readonly problem: string | null } | null;
  /** api: it was added while the balancer runs. */
  readonly source: 'config' | 'api';
  /** What is lost if it is stopped now. */
  readonly loss: { readonly sessions: number; readonly exchanges: number };
}

/** Whether a drain is over. */
export interface DrainState {
  /** It gets no new sessions, and nothing is lost if it is stopped. */
  readonly drained: boolean;
  readonly state: ServerState;
  readonly waitingFor: {
    readonly inflight: number;
    readonly streams: number;
    readonly tunnels: number;
    readonly uncopied: number;
  };
}

/** A server that is added while the balancer runs; weight 1 and no cap unless said. */
export interface AddedServer {
  readonly name: string;
  readonly address: string;
  readonly weight?: number;
  readonly maxRequests?: number;
}

/** What can be stopped at the least loss comes first: sessions weigh most, then exchanges, then sessions that would have to move. */
export function bySafety(a: ServerView, b: ServerView): number {
  return (
    a.loss.sessions - b.loss.sessions ||
    a.loss.exchanges - b.loss.exchanges ||
    Number(a.state === 'up') - Number(b.state === 'up') ||
    a.sessions.live - b.sessions.live ||
    (`${a.pool}/${a.name}` < `${b.pool}/${b.name}` ? -1 : 1)
  );
}
