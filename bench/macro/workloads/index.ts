/** Every workload, in the order of the report; those with the same stage stand together, so that rivals start once. */
import type { Workload } from '../workload.ts';
import { http2Requests } from './http2.ts';
import { latencyWorkloads } from './latency.ts';
import { idleConnections, millions, tlsIdle } from './memory.ts';
import { pools, posts, smallGets, twoWorkers } from './requests.ts';
import { tlsGets } from './tls.ts';
import { download, tlsDownload, upload } from './transfers.ts';
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
  ...tlsGets,
  tlsDownload,
  ...http2Requests,
  idleConnections,
  tlsIdle,
  millions,
];

/** A moment of each family. */
export const smokeWorkloads = ['sticky-get', 'latency-1000', 'post-1k', 'websocket', 'h2c-get'];
