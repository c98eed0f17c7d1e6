/** What the admin API is made of: each function answers one question about the running balancer, or changes one thing. */
import type { Exposition } from '../metrics/exposition.ts';
import type { Timers } from '../time/clock.ts';
import type {
  AddedServer,
  ConfigCheck,
  ConfigView,
  DrainState,
  ExplainRequest,
  FleetView,
  FoundSession,
  Health,
  KeyList,
  PoolView,
  Reload,
  ServerChange,
  ServerView,
  SessionFilter,
  SessionPage,
  SessionQuery,
  Status,
  WorkerView,
} from './schemas.ts';

export interface AdminDependencies {
  readonly status: () => Promise<Status>;
  /** In the format that an Accept header prefers. */
  readonly metrics: (accept: string) => Promise<Exposition>;
  readonly pools: () => Promise<readonly PoolView[]>;
  readonly workers: () => readonly WorkerView[];
  readonly health: () => Promise<Health>;
  readonly config: () => ConfigView;
  /** null: the config has no fleet. */
  readonly fleet: () => FleetView | null;
  readonly keys: KeyControl;
  readonly servers: ServerControl;
  readonly sessions: SessionControl;
  readonly events: AdminEvents;
  readonly timers: Timers;
  /** Throws UsageError for a listener that the config does not have. */
  readonly explain: (request: ExplainRequest) => Promise<Record<string, unknown>>;
  /** null: the config did not come from a file. */
  readonly configFile: ConfigFile | null;
}

/** The token keys. What cannot be done is thrown as a UsageError. */
export interface KeyControl {
  list(): KeyList;
  rotate(): Promise<KeyList>;
  retire(): Promise<KeyList>;
}

export interface AdminEvent {
  readonly id: number;
  readonly name: string;
}

/** The bus of events (events/bus.ts). */
export interface AdminEvents {
  subscribe(listener: (event: AdminEvent) => void): () => void;
  since(id: number): readonly AdminEvent[];
}

/** The file of the config. */
export interface ConfigFile {
  /** Reads a text as if it were in the file. Puts nothing in force. */
  check(yaml: string): Promise<ConfigCheck>;
  /** Throws UsageError with the reason when it is refused; then nothing has changed. */
  reload(dryRun: boolean): Promise<Reload>;
}

/** What is known of servers, and what may be done with them. A change that cannot be is thrown as a UsageError. */
export interface ServerControl {
  list(): Promise<readonly ServerView[]>;
  /** Resolves when every worker has applied it. */
  change(pool: string, server: string, change: ServerChange): Promise<'done' | 'no-such-server'>;
  add(pool: string, server: AddedServer): Promise<'done' | 'no-such-pool' | 'exists'>;
  remove(pool: string, server: string): Promise<'done' | 'no-such-server' | 'last-server'>;
  /** Resolves when nothing is lost if the server is stopped, or after `waitMs`. */
  drained(pool: string, server: string, waitMs: number, signal: AbortSignal): Promise<DrainState | 'no-such-server'>;
}

/** What is known of sessions, and what may be done with them. They are named by 16 or 32 hex digits. */
export interface SessionControl {
  list(filter: SessionFilter): SessionPage;
  find(query: SessionQuery): Promise<readonly FoundSession[] | 'no-such-pool'>;
  move(pool: string, session: string, to: string, force: boolean): MoveOutcome;
  end(pool: string, session: string): Promise<EndOutcome>;
}

export type MoveOutcome =
  | 'done'
  | 'no-such-pool'
  | 'no-such-server'
  | 'no-such-session'
  | 'no-copy'
  | 'busy'
  | 'is-there';
export type EndOutcome = 'ended' | 'ending' | 'no-such-pool' | 'no-such-session' | 'needs-whole-id' | 'store-failed';

/** Who may do what. '': there is no such token. */
export interface AdminTokens {
  /** May do everything. '': everybody who can connect may, because only this user can. */
  readonly operator: string;
  /** May read. */
  readonly read: string;
}
