/** The module of a worker thread: it runs one balancer on its own event loop, and handles the supervisor's messages. */
import { parentPort, workerData } from 'node:worker_threads';
import { Balancer } from '../balancer/balancer.ts';
import { type CopySource, newKeysOf, type OwnerSource } from '../balancer/replication.ts';
import { namedNet } from '../discovery/named-net.ts';
import type { NamedAddresses } from '../discovery/names.ts';
import { SessionEventBatch } from '../events/session-events.ts';
import type { NamedHealthReport } from '../fleet/health-report.ts';
import type { Net, SocketGauge } from '../net/socket.ts';
import { DebugLog } from '../proxy/debug-log.ts';
import { attach } from '../shared/memory.ts';
import { readInjectedFault } from '../store/injected-fault.ts';
import { RemoteStore } from '../store/remote.ts';
import { systemClock, systemTimers } from '../time/clock.ts';
import { SteadyClock } from '../time/steady.ts';
import { TraceBatch } from '../tracing/batch.ts';
import { startHeartbeat } from './heartbeat.ts';
import { clockFor, keepUnansweredClaims } from './injected-faults.ts';
import type { FromWorker, Listening, StoreLink, ToWorker, WorkerConfig, WorkerInit } from './messages.ts';
import { ShortageLimiter } from './shortage-limiter.ts';
import { crashOnFile, testStats } from './test-hooks.ts';

const port = parentPort;
if (port === null) throw new Error('a worker is started by the supervisor');
const init = workerData as WorkerInit;
const { worker, buffers, config: firstConfig } = init;
const send = (message: FromWorker): void => port.postMessage(message);

const attached = attach(buffers, worker);
const shared = { ...attached, stats: testStats(attached.stats, process.env) };
startHeartbeat(init.heartbeats, worker, (lateMs) => shared.stats.looped(lateMs));
const injectedFault = readInjectedFault(process.env);
keepUnansweredClaims(shared.table, injectedFault);
/** Batches of the access log that the supervisor has not written yet, oldest first. */
const unwritten: (() => void)[] = [];
// A flood of the same shortage is not sent to the supervisor.
const shortages = new ShortageLimiter(systemClock, (what, reason, at) => send({ kind: 'shortage', what, reason, at }));
const events = new SessionEventBatch({
  send: (batch, dropped) => send({ kind: 'session-events', events: batch, dropped }),
  clock: systemClock,
  timers: systemTimers,
  counters: shared.counters,
});
const { tracing } = firstConfig.options;
const traces =
  tracing === null || tracing.export === null
    ? undefined
    : new TraceBatch({
        send: (batch) => send({ kind: 'traces', json: JSON.stringify(batch) }),
        timers: systemTimers,
        counters: shared.counters,
        maxSpans: tracing.export.queue,
      });
let { names } = firstConfig;
let { addressTimeout } = firstConfig.options.resolver;
const balancer = new Balancer(reviveOptions(firstConfig), {
  net: namedNet({
    net: await loadNet(shared.descriptors),
    timers: systemTimers,
    addressesOf: (name) => names.get(name),
    addressTimeout: () => addressTimeout,
  }),
  clock: clockFor(SteadyClock.follow(buffers.clock), injectedFault),
  writeAccess: (lines, done) => {
    unwritten.push(done);
    send({ kind: 'access-lines', lines });
  },
  shared,
  numbers: firstConfig.numbers,
  material: firstConfig.material,
  secret: Buffer.from(firstConfig.secret),
  ...(init.store !== null && sourcesOf(init.store)),
  report: (pool, server, report) => send({ kind: 'passive-report', pool, server, report }),
  announceRoom: (pool) => send({ kind: 'room', pool }),
  reportOtherNode: (pool) => send({ kind: 'other-node', pool }),
  reportForeignCookie: (pool, cookie, server) => send({ kind: 'foreign-cookie', pool, cookie, server }),
  reportShortage: (what, reason, at) => shortages.report(what, reason, at),
  events,
  traces,
  debug:
    firstConfig.options.log.level === 'debug'
      ? new DebugLog((message) => send({ kind: 'debug', message }), systemClock)
      : undefined,
});
/** The last reload, when it is over. */
let reloaded: Promise<void> = Promise.resolve();
/** Version of the config that the balancer runs. */
let appliedConfig = 0;
/** The last reports of each pool. They may belong to a config that is not applied yet, and are applied with it. */
let healthReports: Map<string, readonly NamedHealthReport[]> = new Map(firstConfig.healthReports);
completeConfig(firstConfig);
crashOnFile(worker, process.env);

port.on('message', (message: ToWorker) => {
  switch (message.kind) {
    case 'health':
      healthReports.set(message.pool, message.healthReports);
      balancer.applyHealth(message.pool, message.healthReports);
      shared.configVersion.apply({ ...message.versions, configs: appliedConfig });
      return;
    case 'addresses':
      applyNames(message.names);
      return;
    case 'certificates':
      // A reload takes several turns: the certificates belong to its config.
      void reloaded.then(() => balancer.renewCertificates(message.material));
      return;
    case 'room':
      balancer.offerRoom(message.pool);
      return;
    case 'access-written':
      unwritten.shift()?.();
      return;
    case 'traces-taken':
      traces?.taken();
      return;
    case 'reload':
      reloaded = reload(message.id, message.config);
      return;
    case 'sync':
      send({ kind: 'synced', id: message.id });
      return;
    case 'stop':
      balancer.stop().then((finished) => {
        events.flush();
        traces?.flush();
        send({ kind: 'stopped', id: message.id, finished });
      });
  }
});

try {
  await balancer.start(firstConfig.ports);
  send({ kind: 'listening', ...listening() });
} catch (error) {
  send({ kind: 'failed', error: plainError(error) });
}

async function reload(id: number, config: WorkerConfig): Promise<void> {
  applyNames(config.names);
  healthReports = new Map(config.healthReports);
  try {
    await balancer.reload(reviveOptions(config), config.numbers, config.ports, config.material);
  } catch (error) {
    // The supervisor publishes the former config again. Until that arrives, this one counts as applied.
    shared.configVersion.apply(config.versions);
    send({ kind: 'reloaded', id, error: plainError(error), ...listening() });
    return;
  }
  completeConfig(config);
  send({ kind: 'reloaded', id, error: null, ...listening() });
}

function applyNames(current: NamedAddresses): void {
  const before = names;
  names = current;
  const lost = [...before].filter(([name, addresses]) => !addresses.every((one) => current.get(name)?.includes(one)));
  if (lost.length > 0) balancer.moved(new Set(lost.map(([name]) => name)));
}

/** The balancer runs this config: the rest of the worker follows. */
function completeConfig({ versions, options }: WorkerConfig): void {
  appliedConfig = versions.configs;
  ({ addressTimeout } = options.resolver);
  for (const [pool, reports] of healthReports) balancer.applyHealth(pool, reports);
  shared.configVersion.apply(versions);
}

function listening(): Listening {
  const { addresses, ports } = balancer;
  return { addresses, ports };
}

/** Copies and owners are in the same store. */
function sourcesOf({ port, incarnation, url }: StoreLink): { copies?: CopySource; owners?: OwnerSource } {
  const { sessions, fleet } = firstConfig.options;
  const store = new RemoteStore(port, incarnation);
  return {
    ...(sessions !== null && { copies: { options: sessions, store, url } }),
    ...(fleet !== null && { owners: { options: fleet, store, newKeys: newKeysOf(fleet) } }),
  };
}

/** Buffers arrive as plain arrays of bytes. */
function reviveOptions({ options }: WorkerConfig): WorkerConfig['options'] {
  return { ...options, keys: options.keys.map((key) => Buffer.from(key)) };
}

/** As plain data: a message to another thread would lose the code and the port of an error. */
function plainError(error: unknown): unknown {
  return error instanceof Error ? { ...error, message: error.message } : error;
}

/** Loads the file of this runtime only; the other runtime's would not load. */
async function loadNet(gauge: SocketGauge): Promise<Net> {
  return process.versions.bun === undefined
    ? (await import('../net/node.ts')).createNodeNet(gauge)
    : (await import('../net/bun.ts')).createBunNet(gauge);
}
