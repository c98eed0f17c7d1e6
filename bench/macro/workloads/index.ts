/** Every workload, in the order of the report. */
import type { Workload } from '../workload.ts';
import { stickyGet } from './sticky-get.ts';

export const workloads: readonly Workload[] = [stickyGet];
