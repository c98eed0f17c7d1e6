/**
 * The messages between the supervisor and its workers. All of it is plain data, because it is copied from thread to thread.
 *
 *      supervisor ──── message ────> worker     health, addresses, certificates, room, access-written,
 *                                               traces-taken
 *      supervisor ──── request ────> worker     reload, sync, stop: each has a number, and
 *                 <──── reply ──────            its reply has the same number
 *                 <─ start result ──            listening or failed, once
 *                 <──── event ──────            passive-report, room, shortage, foreign-cookie, session-events,
 *                                               access-lines, traces, debug
 */
import type { MessagePort } from 'node:worker_threads';
import type { ListenerPorts } from '../balancer/balancer.ts';
import type { TlsMaterial } from '../certificates/material.ts';
import type { LimpetOptions } from '../config/options.ts';
import type { NamedAddresses } from '../discovery/names.ts';
import type { SessionEvent } from '../events/session-events.ts';
import type { NamedHealthReport } from '../fleet/health-report.ts';
import type { PassiveReport } from '../health/passive.ts';
import type { Versions } from '../shared/config-version.ts';
import type { SharedBuffers } from '../shared/memory.ts';
import type { Numbers } from '../shared/slots.ts';
import type { ForeignCookie } from './foreign-cookie-log.ts';
import type { ShortageKind } from './shortage-limiter.ts';

/** By pool, the health of each of its servers. */
export type HealthReports = ReadonlyMap<string, readonly NamedHealthReport[]>;

/** A config as one worker runs it. */
export interface WorkerConfig {
  readonly options: LimpetOptions;
  readonly numbers: Numbers;
  /** Certificates, for TLS in and out. */
  readonly material: TlsMaterial;
  /** The ports that this worker listens on. */
  readonly ports: ListenerPorts;
  /** Key of the hashes under which the session table knows sessions. It stays the same as long as the table exists. */
  readonly secret: Uint8Array;
  readonly healthReports: HealthReports;
  /** What the host names of servers resolve to. */
  readonly names: NamedAddresses;
  /** A worker that has applied this config has applied everything up to these versions. */
  readonly versions: Versions;
}

/** What a worker thread gets when it starts. */
export interface WorkerInit {
  /** Its number, from 0. */
  readonly worker: number;
  readonly buffers: SharedBuffers;
  readonly config: WorkerConfig;
  /** Shared memory in which it shows that its event loop runs (heartbeat.ts). */
  readonly heartbeats: SharedArrayBuffer;
  /** null: no copies of sessions are kept. */
  readonly store: StoreLink | null;
}

/** How a worker reaches the store, which is open on the supervisor's thread. */
export interface StoreLink {
  readonly port: MessagePort;
  /** Changes whenever the store has lost its copies. */
  readonly incarnation: string;
  /** The address of the store interface, for servers. */
  readonly url: string;
}

/** The addresses on which a worker listens, as URLs or `unix:` paths, and the ports that are bound, in the order of the config. */
export interface Listening {
  readonly addresses: readonly string[];
  readonly ports: readonly number[];
}

/** Supervisor to worker, without a reply. */
export type WorkerMessage =
  /** The health of servers of one pool has changed. */
  | {
      readonly kind: 'health';
      readonly pool: string;
      readonly healthReports: readonly NamedHealthReport[];
      readonly versions: Versions;
    }
  /** Host names of servers have these addresses from now on. */
  | { readonly kind: 'addresses'; readonly names: NamedAddresses }
  /** Files of certificates have changed. It belongs to the config that was sent before it. */
  | { readonly kind: 'certificates'; readonly material: TlsMaterial }
  /** Another worker has ended an exchange of this pool: a server may have room for a request that waits here. */
  | { readonly kind: 'room'; readonly pool: string }
  /** The oldest batch of access log lines that this worker sent has been written. */
  | { readonly kind: 'access-written' }
  /** The same for the oldest batch of traces: it waits for its export, or was dropped. */
  | { readonly kind: 'traces-taken' };

/** Supervisor to worker, by the kind of the reply. */
export interface WorkerRequests {
  /** Replace the config. */
  readonly reloaded: { readonly kind: 'reload'; readonly config: WorkerConfig };
  /** Reply when all messages before this one have been handled. */
  readonly synced: { readonly kind: 'sync' };
  /** Accept nothing more, and end when the open exchanges have finished. */
  readonly stopped: { readonly kind: 'stop' };
}

export type WorkerRequest = WorkerRequests[keyof WorkerRequests];

export type WorkerReply =
  /** `error` null: the config was applied. Otherwise nothing of it was. */
  | ({ readonly kind: 'reloaded'; readonly id: number; readonly error: unknown } & Listening)
  | { readonly kind: 'synced'; readonly id: number }
  /** `finished`: every exchange ended by itself in time. */
  | { readonly kind: 'stopped'; readonly id: number; readonly finished: boolean };

/** The reply to the request that has this kind of reply. */
export type ReplyOf<Kind extends WorkerReply['kind']> = Extract<WorkerReply, { readonly kind: Kind }>;

/** Worker to supervisor, once: it listens, or it cannot start. `error` has the system's code. */
export type StartResult =
  | ({ readonly kind: 'listening' } & Listening)
  | { readonly kind: 'failed'; readonly error: unknown };

/** Worker to supervisor, at any time. */
export type WorkerEvent =
  /** Traffic has shown something of a server. `server`: its `identity`. */
  | { readonly kind: 'passive-report'; readonly pool: string; readonly server: string; readonly report: PassiveReport }
  /** A server of this pool may have room for a request that waits at another worker. */
  | { readonly kind: 'room'; readonly pool: string }
  /** A connection could not be made because this machine lacks something, which is not the server's fault. */
  | { readonly kind: 'shortage'; readonly what: ShortageKind; readonly reason: string; readonly at: string }
  | ({ readonly kind: 'foreign-cookie' } & ForeignCookie)
  /** Another balancer gives cookies of this pool under the same keys, and the config has no fleet. */
  | { readonly kind: 'other-node'; readonly pool: string }
  /** `dropped`: so many more were left out. */
  | { readonly kind: 'session-events'; readonly events: readonly SessionEvent[]; readonly dropped: number }
  | { readonly kind: 'access-lines'; readonly lines: string }
  /** Sampled exchanges that are over: a list of `ExchangeTrace`, as text because to copy it as objects takes five times as long. */
  | { readonly kind: 'traces'; readonly json: string }
  /** Only with `log.level: debug`. */
  | { readonly kind: 'debug'; readonly message: string };

export type ToWorker = WorkerMessage | (WorkerRequest & { readonly id: number });
export type FromWorker = StartResult | WorkerReply | WorkerEvent;
