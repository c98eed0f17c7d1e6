/** Memory and numbers for a balancer with one event loop and no other threads, as `limpet explain` runs it. */
import type { LimpetOptions } from '../config/options.ts';
import { Lifetimes } from '../table/lifetimes.ts';
import { ServerNumbers } from '../table/numbers.ts';
import { attach, createShared, type Shared } from './memory.ts';
import { type Numbers, numberAll } from './slots.ts';

export interface SingleWorker {
  readonly shared: Shared;
  readonly numbers: Numbers;
  readonly servers: ServerNumbers;
  readonly lifetimes: Lifetimes;
}

/** `now` is Unix seconds. */
export function createSingleWorker(options: LimpetOptions, now: number): SingleWorker {
  const shared = attach(createShared(options.table.capacity, 1), 0);
  const servers = new ServerNumbers(shared.table);
  const lifetimes = new Lifetimes(shared.table);
  return { shared, servers, lifetimes, numbers: numberAll(options, servers, lifetimes, now) };
}
