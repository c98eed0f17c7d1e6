/** What the supervisor and its workers tell each other. Plain data. */
import type { MessagePort } from 'node:worker_threads';
import type { LimpetOptions } from '../config/options.ts';
import type { Standing } from '../fleet/fleet.ts';
import type { Sighting } from '../health/passive.ts';
import type { Sockets } from '../limpet.ts';
import type { SharedBuffers } from '../shared/memory.ts';
import type { Edition } from '../shared/news.ts';
import type { Numbers } from '../shared/roster.ts';

/** All that a worker needs to know of a config. */
export interface Plan {
  readonly options: LimpetOptions;
  readonly numbers: Numbers;
  /** The sockets that this worker has. */
  readonly sockets: Sockets;
  /** From which the names of sessions are hashed: the same as long as the table lives. */
  readonly secret: Uint8Array;
  /** By pool, for each server in order, what is known of its health. */
  readonly standings: Standings;
  /** Up to here it holds all that workers have been told. */
  readonly edition: Edition;
}

export type Standings = ReadonlyMap<string, readonly Standing[]>;

/** Handed over when the thread starts. */
export interface Birth {
  /** From 0. */
  readonly worker: number;
  readonly buffers: SharedBuffers;
  readonly plan: Plan;
  /** null: no copies of sessions are kept. */
  readonly copies: CopiesBirth | null;
}

/** The way to the store, which lives with the supervisor. */
export interface CopiesBirth {
  readonly port: MessagePort;
  /** Names the present life of the copies. */
  readonly incarnation: string;
  /** Where servers find the store interface. */
  readonly url: string;
}

export type ToWorker =
  /** Of the servers of the config that `edition` names. */
  | {
      readonly kind: 'standings';
      readonly pool: string;
      readonly standings: readonly Standing[];
      readonly edition: Edition;
    }
  /** Someone waits, and there is room. */
  | { readonly kind: 'room'; readonly pool: string }
  | { readonly kind: 'reload'; readonly plan: Plan }
  /** The oldest lines of the access log that it has given have been written. */
  | { readonly kind: 'written' }
  /** Answered by `marked`: all that was said before has been done. */
  | { readonly kind: 'mark' }
  | { readonly kind: 'stop' };

export type FromWorker =
  | { readonly kind: 'listening'; readonly addresses: readonly string[]; readonly ports: readonly number[] }
  /** It could not start. `error` has the system's code. */
  | { readonly kind: 'failed'; readonly error: unknown }
  /** `error` null: it did. Else nothing of the plan was taken over. */
  | {
      readonly kind: 'reloaded';
      readonly error: unknown;
      readonly addresses: readonly string[];
      readonly ports: readonly number[];
    }
  | { readonly kind: 'marked' }
  | { readonly kind: 'stopped'; readonly finished: boolean }
  | { readonly kind: 'sighting'; readonly pool: string; readonly server: number; readonly sighting: Sighting }
  | { readonly kind: 'room'; readonly pool: string }
  | { readonly kind: 'access'; readonly lines: string };
