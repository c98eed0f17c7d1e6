/** What the supervisor and its workers tell each other. Plain data. */
import type { MessagePort } from 'node:worker_threads';
import type { Sockets } from '../balancer/balancer.ts';
import type { LimpetOptions } from '../config/options.ts';
import type { NamedAddresses } from '../discovery/names.ts';
import type { NamedHealthReport } from '../fleet/health-report.ts';
import type { PassiveReport } from '../health/passive.ts';
import type { Versions } from '../shared/config-version.ts';
import type { SharedBuffers } from '../shared/memory.ts';
import type { Numbers } from '../shared/slots.ts';
import type { ForeignCookie } from './foreign-cookies.ts';
import type { Lacking } from './shortages.ts';

/** All that a worker needs to know of a config. */
export interface WorkerConfig {
  readonly options: LimpetOptions;
  readonly numbers: Numbers;
  /** The sockets that this worker has. */
  readonly sockets: Sockets;
  /** From which the names of sessions are hashed: the same as long as the table lives. */
  readonly secret: Uint8Array;
  /** By pool, what is known of the health of each server. */
  readonly healthReports: HealthReports;
  /** Of the names of its servers. */
  readonly names: NamedAddresses;
  /** Up to here it holds all that workers have been told. */
  readonly versions: Versions;
}

export type HealthReports = ReadonlyMap<string, readonly NamedHealthReport[]>;

/** Handed over when the thread starts. */
export interface WorkerInit {
  /** From 0. */
  readonly worker: number;
  readonly buffers: SharedBuffers;
  readonly config: WorkerConfig;
  /** Where it shows that its loop turns (heartbeat.ts). */
  readonly beats: SharedArrayBuffer;
  /** null: no copies of sessions are kept. */
  readonly copies: StoreLink | null;
}

/** The way to the store, which lives with the supervisor. */
export interface StoreLink {
  readonly port: MessagePort;
  /** Names the present life of the copies. */
  readonly incarnation: string;
  /** Where servers find the store interface. */
  readonly url: string;
}

export type ToWorker =
  | {
      readonly kind: 'health';
      readonly pool: string;
      readonly healthReports: readonly NamedHealthReport[];
      readonly versions: Versions;
    }
  /** The names of servers have these addresses now. */
  | { readonly kind: 'names'; readonly names: NamedAddresses }
  /** Someone waits, and there is room. */
  | { readonly kind: 'room'; readonly pool: string }
  /** The three questions; `id` stands in the answer. */
  | { readonly kind: 'reload'; readonly id: number; readonly config: WorkerConfig }
  /** The oldest lines of the access log that it has given have been written. */
  | { readonly kind: 'written' }
  /** Answered by `marked`: all that was said before has been done. */
  | { readonly kind: 'mark'; readonly id: number }
  | { readonly kind: 'stop'; readonly id: number };

/** Said once, without being asked. */
export type Started =
  | { readonly kind: 'listening'; readonly addresses: readonly string[]; readonly ports: readonly number[] }
  /** It could not start. `error` has the system's code. */
  | { readonly kind: 'failed'; readonly error: unknown };

export type Answer =
  /** `error` null: it did. Else nothing of the plan was taken over. */
  | {
      readonly kind: 'reloaded';
      readonly id: number;
      readonly error: unknown;
      readonly addresses: readonly string[];
      readonly ports: readonly number[];
    }
  | { readonly kind: 'marked'; readonly id: number }
  | { readonly kind: 'stopped'; readonly id: number; readonly finished: boolean };

/** The question that has an answer of that kind, without its number. */
export type Question<Kind extends Answer['kind']> = {
  readonly reloaded: { readonly kind: 'reload'; readonly config: WorkerConfig };
  readonly marked: { readonly kind: 'mark' };
  readonly stopped: { readonly kind: 'stop' };
}[Kind];

export type FromWorker =
  | Started
  | Answer
  /** `server`: its `identity`. */
  | { readonly kind: 'passive-report'; readonly pool: string; readonly server: string; readonly report: PassiveReport }
  | { readonly kind: 'room'; readonly pool: string }
  /** This machine, not a server, is why a connection did not come about. */
  | { readonly kind: 'shortage'; readonly what: Lacking; readonly reason: string; readonly at: string }
  | ({ readonly kind: 'foreign' } & ForeignCookie)
  | { readonly kind: 'access'; readonly lines: string }
  /** With `log.level: debug` only. */
  | { readonly kind: 'debug'; readonly message: string };
