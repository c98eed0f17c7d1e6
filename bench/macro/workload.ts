/** What the benchmark needs from a kind of load: one file per family of workloads in workloads/. */
import type { Kind } from './kinds.ts';
import type { Stage } from './rival.ts';

/** What a round may find out. */
export type Figure =
  /** Microseconds of CPU time a unit: a request, a megabyte, a message. */
  | 'user'
  | 'system'
  | 'total'
  /** Units in a second of CPU time, and by the clock. */
  | 'perCpuSecond'
  | 'perSecond'
  /** Share of its cores that the rival used: well under 1, and the load was the limit, not the rival. */
  | 'busy'
  /** Milliseconds. */
  | 'p50'
  | 'p99'
  | 'p999'
  /** Resident bytes of the process tree. */
  | 'resident'
  | 'perConnection'
  | 'early'
  | 'late'
  | 'growth';

export type Round = Readonly<Partial<Record<Figure, number>>>;

export interface Load {
  readonly port: number;
  /** Root of the rival's process tree. */
  readonly pid: number;
  /** `Cookie` values of clients known to this rival. */
  readonly cookies: readonly string[];
  readonly core: number;
  readonly workers: number;
  /** What the rival speaks at this stage. */
  readonly tls: boolean;
  readonly http2: boolean;
  readonly connections: number;
  readonly seconds: number;
  /** Requests a second that HAProxy did at saturation in this run. Throws when it was not measured. */
  saturation(): number;
}

export interface Workload {
  /** Its key for `--workloads` and in the JSON results. */
  readonly name: string;
  /** Heading of its table. */
  readonly title: string;
  readonly kind: Kind;
  readonly stage: Stage;
  /** In `npm run bench`; in `bench:full` only; only when it is named. */
  readonly when: 'always' | 'full' | 'named';
  /** Each round meets a rival that has just been started: memory that was used once would hide what is used now. */
  readonly fresh?: boolean;
  /** One round. Rejects when an answer was wrong. */
  run(load: Load): Promise<Round>;
}

export const usual: Stage = { backend: 'nginx', servers: 4, workers: 1 };
