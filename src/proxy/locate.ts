/**
 * Finds the server for a request: the session's owner, a new owner, or whoever a policy proposes. What has to happen first happens
 * here: the store is asked, this worker's view of the servers becomes current, or a server has room. It ends in `located`, with a
 * place on that server taken, or in `refused`. Reused; `begin` sets it anew.
 */
import { balancerFaults, type Fault } from '../errors.ts';
import type { Server } from '../fleet/server.ts';
import { counter } from '../metrics/counters.ts';
import type { StoreGate } from '../ownership/store-gate.ts';
import type { AccessRecord } from './access-record.ts';
import type { SessionBinding } from './binding.ts';
import type { PhaseTimer } from './phase.ts';
import { Placement } from './placement.ts';
import type { ClientRequest } from './request.ts';
import type { Waiter } from './server/queue.ts';
import type { WorkerContext } from './worker-context.ts';

/** Told the end of the search; the exchange. */
export interface LocateListener {
  /** A place on `server` is taken for the request. */
  located(server: Server): void;
  refused(fault: Fault): void;
  /** The config has changed while the request waited: it is to be routed once more. */
  onConfigReplaced(): void;
}

export class Locator implements Waiter {
  private readonly worker: WorkerContext;
  private readonly listener: LocateListener;
  private readonly request: ClientRequest;
  private readonly binding: SessionBinding;
  private readonly gate: StoreGate;
  private readonly timer: PhaseTimer;
  private readonly record: AccessRecord;
  private readonly placement = new Placement();
  /** Servers that have failed the request, and what the last of them did. */
  private failed: Server[] | null = null;
  private lastFault: Fault | null = null;
  /** Wheel time until which it may wait for room; 0: it has not had to wait. */
  private waitUntil = 0;

  constructor(
    worker: WorkerContext,
    listener: LocateListener,
    request: ClientRequest,
    binding: SessionBinding,
    gate: StoreGate,
    timer: PhaseTimer,
    record: AccessRecord,
  ) {
    this.worker = worker;
    this.listener = listener;
    this.request = request;
    this.binding = binding;
    this.gate = gate;
    this.timer = timer;
    this.record = record;
  }

  begin(): void {
    this.failed = this.lastFault = null;
    this.waitUntil = 0;
  }

  /** The server has failed the request: it is not tried again. */
  exclude(server: Server, fault: Fault): void {
    this.failed = [...(this.failed ?? []), server];
    this.lastFault = fault;
  }

  /** The request has been routed once more: the servers that failed are the same ones in the new pool. */
  onRerouted(): void {
    if (this.failed !== null) this.failed = this.request.pool.parts.fleet.same(this.failed);
  }

  locate(): void {
    const { placement, record } = this;
    const { pool } = this.request;
    if (pool.replaced) {
      this.listener.onConfigReplaced();
      return;
    }
    placement.find(pool, this.binding.session, this.failed, this.worker.seconds());
    const { server, fault } = placement;
    if (placement.ownerFailed) record.ownerFailed = true;
    if (placement.viewIsStale) this.awaitCurrentView();
    else if (placement.mustQueryStore) this.queryStore();
    // With no server left to try, the fault of the last one says more than that there is none.
    else if (fault !== null)
      this.listener.refused(fault === balancerFaults.noServer ? (this.lastFault ?? fault) : fault);
    else if (server?.hasRoom && pool.take(server)) this.listener.located(server);
    else this.wait(server);
  }

  /** The owner seems to be lost, but this worker's view is stale: the owner may be back. */
  private awaitCurrentView(): void {
    const { pool } = this.request;
    this.worker.counters.add(counter.stale_view_waits);
    this.timer.enter('stale-view', pool.settings.queue.timeout);
    this.request.body.pause();
    pool.parts.configVersion.whenCurrent(this);
  }

  onCurrent(): void {
    this.timer.enter('idle', 0);
    this.listener.onConfigReplaced();
  }

  private queryStore(): void {
    const { placement } = this;
    const { ownersInStore } = this.request.pool;
    if (ownersInStore === null) return;
    this.timer.enter('store-query', ownersInStore.settings.timeoutMs);
    this.request.body.pause();
    this.gate.query(placement.server, ownersInStore);
  }

  /** No room: it waits in turn for this server, or for any (null). */
  private wait(server: Server | null): void {
    const { pool } = this.request;
    const { now } = this.worker.wheel;
    // A change of states makes everyone who waits look again: that gives nobody a longer wait.
    if (this.waitUntil === 0) this.waitUntil = now + pool.settings.queue.timeout;
    if (!pool.wait(this, server)) {
      this.listener.refused(balancerFaults.queueFull);
      return;
    }
    if (pool.isConnecting(server)) this.worker.counters.add(counter.connecting_full);
    this.record.queued(this.worker);
    this.timer.enter('queued', Math.max(1, this.waitUntil - now));
    this.request.body.pause();
  }

  /** There is room, or states have changed. */
  onRoom(): void {
    this.record.unqueued(this.worker);
    this.timer.enter('idle', 0);
    this.locate();
  }

  /** The table has what the store answered. */
  onStoreAnswer(): void {
    this.timer.enter('idle', 0);
    this.locate();
  }

  /** The exchange is over: it waits for nothing any more. */
  end(): void {
    const { pool } = this.request;
    const { phase } = this.timer;
    if (phase === 'queued') {
      pool.stopWaiting(this);
      this.record.unqueued(this.worker);
    } else if (phase === 'stale-view') pool.parts.configVersion.forget(this);
  }
}
