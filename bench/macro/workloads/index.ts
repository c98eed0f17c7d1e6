/** Every workload, in the order of the report; those with the same stage stand together, so that rivals start once. */
import type { Workload } from '../workload.ts';
import { latencyWorkloads } from './latency.ts';
import { idleConnections, millions } from './memory.ts';
import { pools, posts, smallGets, twoWorkers } from './requests.ts';
import { download, upload } from './transfers.ts';
import { websocket } from './websocket.ts';

export const workloads: readonly Workload[] = [
  ...smallGets,
  ...latencyWorkloads,
  download,
  ...posts,
  upload,
  websocket,
  ...pools,
  twoWorkers,
  idleConnections,
  millions,
];

/** A moment of each family. */
export const smokeWorkloads = ['sticky-get', 'latency-1000', 'post-1k', 'websocket'];
