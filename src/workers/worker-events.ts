/** What the supervisor does with the events of its workers. */
import type { LimpetOptions } from '../config/options.ts';
import type { EventPublisher } from '../events/bus.ts';
import { publishSessionEvents } from '../events/session-events.ts';
import type { WriteLines } from '../metrics/access-log.ts';
import { isSharedAddress, schemeOf } from '../store/addresses.ts';
import type { InjectedFault } from '../store/injected-fault.ts';
import type { ExchangeTrace } from '../tracing/record.ts';
import { ForeignCookieLog } from './foreign-cookie-log.ts';
import type { HealthMonitor } from './health-monitor.ts';
import { identityInReports } from './injected-faults.ts';
import type { WorkerMessage } from './messages.ts';
import type { ShortageLimiter } from './shortage-limiter.ts';
import type { WorkerGroupDependencies } from './worker-group.ts';

export interface WorkerEventsDependencies {
  readonly options: () => LimpetOptions;
  readonly monitor: HealthMonitor;
  readonly events: EventPublisher;
  readonly shortages: ShortageLimiter;
  readonly writeAccess: WriteLines;
  /** Takes the traces of sampled exchanges. */
  readonly exportTraces: (traces: readonly ExchangeTrace[]) => void;
  readonly injectedFault: InjectedFault | null;
  /** To all workers but one. */
  readonly broadcast: (message: WorkerMessage, except: number) => void;
  readonly log: {
    debug(message: string, fields?: Record<string, unknown>): void;
    warn(message: string): void;
    error(message: string): void;
  };
}

export function createEventHandler(deps: WorkerEventsDependencies): WorkerGroupDependencies['onEvent'] {
  const { options, monitor, events, shortages, writeAccess, exportTraces, injectedFault, broadcast, log } = deps;
  const foreignCookies = new ForeignCookieLog((line) => log.warn(line));
  let isNoticed = false;
  /** Each worker notices it. */
  const reportOtherNode = (pool: string): void => {
    if (isNoticed) return;
    isNoticed = true;
    const reason = formatOtherNode(pool, options());
    log.error(reason);
    events.publish('node.unexpected', { pool, reason });
  };
  const identityOf = identityInReports(injectedFault);
  return (event, worker, reply) => {
    switch (event.kind) {
      case 'passive-report':
        monitor.report(event.pool, identityOf(options().pools, event.pool, event.server), event.report);
        return;
      case 'room':
        broadcast(event, worker);
        return;
      case 'shortage':
        shortages.report(event.what, event.reason, event.at);
        return;
      case 'foreign-cookie':
        foreignCookies.report(event);
        return;
      case 'other-node':
        reportOtherNode(event.pool);
        return;
      case 'session-events':
        publishSessionEvents(events, worker + 1, event.events, event.dropped);
        return;
      case 'access-lines':
        writeAccess(event.lines, () => reply({ kind: 'access-written' }));
        return;
      case 'traces':
        exportTraces(JSON.parse(event.json) as ExchangeTrace[]);
        reply({ kind: 'traces-taken' });
        return;
      case 'debug':
        log.debug(event.message, { worker: worker + 1 });
    }
  };
}

/** What it means for the sessions of this config. */
function formatOtherNode(pool: string, { sessions }: LimpetOptions): string {
  const isShared = sessions !== null && isSharedAddress(sessions.store);
  const copies =
    sessions === null || isShared
      ? ''
      : `, and their changes are lost between the two: sessions.store is ${schemeOf(sessions.store)}, which one balancer alone has`;
  return (
    `another balancer gives cookies of pool ${pool} under the same keys, and the config has no fleet: sessions whose server fails, or ` +
    `that have a name, get two servers${copies}. Give both the same fleet.store (docs/guide/fleet.md), or keys of their own`
  );
}
