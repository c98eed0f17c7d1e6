/** What the benchmark needs from a kind of load: one file per workload in workloads/. */
import type { LoadResult } from './wrk.ts';

export interface Load {
  readonly port: number;
  /** The `Cookie` value of a client known to this rival. */
  readonly cookie: string;
  readonly core: number;
  readonly connections: number;
  readonly seconds: number;
}

export interface Workload {
  /** Key in the JSON results. */
  readonly name: string;
  /** Heading of its table. */
  readonly title: string;
  run(load: Load): Promise<LoadResult>;
}
