/** What the admin API answers: the part of it that this page reads. */

export type ServerState = 'up' | 'down' | 'draining';

export interface SessionCounts {
  readonly live: number;
  /** Those of them whose state the store has, too. */
  readonly copied: number;
  readonly uncopied: number;
}

export interface WorkerView {
  readonly worker: number;
  readonly listening: boolean;
  readonly loopDelayMs: number;
  readonly replaced: number;
}

export interface StatusView {
  readonly version: string;
  readonly runtime: string;
  readonly pid: number;
  readonly startedAt: string | number;
  readonly configFile: string | null;
  readonly workers?: readonly WorkerView[];
  readonly store: { readonly kind: string; readonly replication?: string; readonly lag?: number } | null;
  readonly counters: Readonly<Record<string, number>>;
  readonly sessions?: SessionCounts;
}

export interface PoolView {
  readonly name: string;
  readonly balance: string;
  /** How many there are. */
  readonly servers: number;
  readonly usable: number;
  readonly sessions: SessionCounts;
  /** Sessions of the fullest server by the mean of all; 1 is even. */
  readonly skew: number | null;
  readonly inflight: number;
  readonly waiting: number;
  readonly requestsPerSecond?: number;
}

export interface ServerView {
  readonly pool: string;
  readonly name: string;
  readonly address: string;
  readonly state: ServerState;
  readonly drained: boolean;
  readonly weight: number;
  readonly maxRequests?: number | null;
  readonly inflight: number;
  readonly waiting?: number;
  readonly streams?: number;
  readonly tunnels?: number;
  readonly sessions: SessionCounts;
  readonly since?: string | number | null;
  readonly reason?: string | null;
  /** `problem` null: it passed. */
  readonly lastCheck?: { readonly at: string | number; readonly problem: string | null } | null;
  /** What is lost when it is stopped now. */
  readonly loss?: { readonly sessions: number; readonly exchanges: number };
  readonly source?: 'config' | 'api';
}

export interface SessionView {
  readonly id: string;
  readonly pool: string;
  readonly server: string | null;
  readonly epoch: number;
  readonly born: string | number | null;
  readonly seen: string | number | null;
  readonly copied: boolean;
  readonly inflight?: number;
  readonly [more: string]: unknown;
}

export interface SessionPage {
  readonly sessions: readonly SessionView[];
  readonly cursor: string | null;
}

export type EventValue = string | number | boolean | null;

export interface EventView {
  readonly id: number;
  readonly time: number;
  readonly name: string;
  readonly fields: Readonly<Record<string, EventValue>>;
}
