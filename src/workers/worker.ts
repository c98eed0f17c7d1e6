/** The life of one worker thread: it runs a balancer on its own event loop, and does what the supervisor says. */
import { parentPort, workerData } from 'node:worker_threads';
import { Balancer } from '../balancer/balancer.ts';
import type { CopySource } from '../balancer/copies.ts';
import { namedNet } from '../discovery/named-net.ts';
import type { NamedAddresses } from '../discovery/names.ts';
import type { NamedHealthReport } from '../fleet/health-report.ts';
import type { Net, SocketGauge } from '../net/socket.ts';
import { DebugLog } from '../proxy/debug-log.ts';
import { attach } from '../shared/memory.ts';
import { readInjectedFault } from '../store/injected-fault.ts';
import { RemoteStore } from '../store/remote.ts';
import { systemClock, systemTimers } from '../time/clock.ts';
import { SteadyClock } from '../time/steady.ts';
import { beat } from './heartbeat.ts';
import { deciding, keepClaims } from './injected-faults.ts';
import type { FromWorker, StoreLink, ToWorker, WorkerConfig, WorkerInit } from './messages.ts';
import { Shortages } from './shortages.ts';
import { crashWhenTold } from './test-hooks.ts';

const port = parentPort;
if (port === null) throw new Error('a worker is started by the supervisor');
const { worker, buffers, config, beats, copies } = workerData as WorkerInit;
beat(beats, worker);
const say = (message: FromWorker): void => port.postMessage(message);

const shared = attach(buffers, worker);
/** null, unless a test puts an old fault back. */
const broken = readInjectedFault(process.env);
keepClaims(shared.table, broken);
/** Batches of the access log that the supervisor has not written yet, oldest first. */
const unwritten: (() => void)[] = [];
// What a flood of failures says again and again stays here.
const shortages = new Shortages(systemClock, (what, reason, at) => say({ kind: 'shortage', what, reason, at }));
let { names } = config;
let { addressTimeout } = config.options.resolver;
const balancer = new Balancer(revive(config), {
  net: namedNet({
    net: await loadNet(shared.descriptors),
    timers: systemTimers,
    addressesOf: (name) => names.get(name),
    addressTimeout: () => addressTimeout,
  }),
  clock: deciding(SteadyClock.follow(buffers.clock), broken),
  writeAccess: (lines, done) => {
    unwritten.push(done);
    say({ kind: 'access', lines });
  },
  shared,
  numbers: config.numbers,
  secret: Buffer.from(config.secret),
  copies: copies === null ? undefined : copySource(copies),
  report: (pool, server, report) => say({ kind: 'passive-report', pool, server, report }),
  tellRoom: (pool) => say({ kind: 'room', pool }),
  tellForeign: (pool, cookie, server) => say({ kind: 'foreign', pool, cookie, server }),
  reportShortage: (what, reason, at) => shortages.tell(what, reason, at),
  debug:
    config.options.log.level === 'debug'
      ? new DebugLog((message) => say({ kind: 'debug', message }), systemClock)
      : undefined,
});
/** Number of the config that it goes by. */
let appliedConfig = 0;
/** By pool, what was told last: the config that it belongs to may not have been taken over yet. */
let healthReports: Map<string, readonly NamedHealthReport[]> = new Map(config.healthReports);
takeOver(config);
crashWhenTold(worker, process.env);

port.on('message', (message: ToWorker) => {
  switch (message.kind) {
    case 'health':
      healthReports.set(message.pool, message.healthReports);
      balancer.applyHealth(message.pool, message.healthReports);
      shared.configVersion.apply({ ...message.versions, configs: appliedConfig });
      return;
    case 'names':
      takeNames(message.names);
      return;
    case 'room':
      balancer.offerRoom(message.pool);
      return;
    case 'reload':
      takeNames(message.config.names);
      healthReports = new Map(message.config.healthReports);
      balancer.reload(revive(message.config), message.config.numbers, message.config.sockets).then(
        () => {
          takeOver(message.config);
          say({ kind: 'reloaded', id: message.id, error: null, ...listening() });
        },
        (error: unknown) => {
          shared.configVersion.apply(message.config.versions);
          say({ kind: 'reloaded', id: message.id, error: plainError(error), ...listening() });
        },
      );
      return;
    case 'written':
      unwritten.shift()?.();
      return;
    case 'mark':
      say({ kind: 'marked', id: message.id });
      return;
    case 'stop':
      balancer.stop().then((finished) => say({ kind: 'stopped', id: message.id, finished }));
  }
});

try {
  await balancer.start(config.sockets);
  say({ kind: 'listening', ...listening() });
} catch (error) {
  say({ kind: 'failed', error: plainError(error) });
}

function takeNames(now: NamedAddresses): void {
  const before = names;
  names = now;
  const lost = [...before].filter(([name, addresses]) => !addresses.every((one) => now.get(name)?.includes(one)));
  if (lost.length > 0) balancer.moved(new Set(lost.map(([name]) => name)));
}

/** The plan's config is the worker's from now on. */
function takeOver({ versions, options }: WorkerConfig): void {
  appliedConfig = versions.configs;
  ({ addressTimeout } = options.resolver);
  for (const [pool, reports] of healthReports) balancer.applyHealth(pool, reports);
  shared.configVersion.apply(versions);
}

function listening(): { addresses: readonly string[]; ports: readonly number[] } {
  const { addresses, ports } = balancer;
  return { addresses, ports };
}

function copySource({ port, incarnation, url }: StoreLink): CopySource {
  return { options: config.options.sessions!, store: new RemoteStore(port, incarnation), url };
}

/** Buffers arrive as plain arrays of bytes. */
function revive({ options }: WorkerConfig): WorkerConfig['options'] {
  return { ...options, keys: options.keys.map((key) => Buffer.from(key)) };
}

/** An error keeps neither its code nor its port on the way. */
function plainError(error: unknown): unknown {
  return error instanceof Error ? { ...error, message: error.message } : error;
}

/** Only the file of this runtime: the other's would not load. */
async function loadNet(gauge: SocketGauge): Promise<Net> {
  return process.versions.bun === undefined
    ? (await import('../net/node.ts')).createNodeNet(gauge)
    : (await import('../net/bun.ts')).createBunNet(gauge);
}
