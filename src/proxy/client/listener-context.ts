/** What the client connections of one listener share, beside what the whole worker shares. */
import type { HeadLimits, RequestHead } from '../../http/head.ts';
import type { ReservedHeaders } from '../../http/reserved-headers.ts';
import type { HttpsRedirect } from '../https-redirect.ts';
import { IndexedSet } from '../indexed-set.ts';
import type { Probes } from '../probes.ts';
import { RequestScratch } from '../request-scratch.ts';
import type { Route } from '../router.ts';
import type { Tunnel } from '../tunnel.ts';
import type { WorkerContext } from '../worker-context.ts';
import type { WriteBuffers } from '../write-buffers.ts';

/** Finds the pool of a request; null: no route matches. */
export type FindRoute = (head: RequestHead) => Route | null;

export class ListenerContext {
  readonly worker: WorkerContext;
  readonly buffers: WriteBuffers;
  readonly scratch: RequestScratch;
  readonly tunnels = new IndexedSet<Tunnel>();
  /** A reload replaces it, and the three below. */
  route: FindRoute;
  /** Where requests over plain HTTP go; null: they are served. */
  redirect: HttpsRedirect | null;
  /** Answers probes; null: there are none here. */
  probes: Probes | null;
  /** Headers that no client may send; null: there are none beside those that are always removed. */
  reserved: ReservedHeaders | null;
  /** The listener is closed: a connection ends after the exchange that it has. */
  stopping = false;

  constructor(
    worker: WorkerContext,
    buffers: WriteBuffers,
    limits: HeadLimits,
    route: FindRoute,
    redirect: HttpsRedirect | null = null,
    reserved: ReservedHeaders | null = null,
    probes: Probes | null = null,
  ) {
    this.worker = worker;
    this.buffers = buffers;
    this.scratch = new RequestScratch(limits);
    this.route = route;
    this.redirect = redirect;
    this.reserved = reserved;
    this.probes = probes;
  }
}
