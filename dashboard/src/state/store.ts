/** Everything that the page knows about the balancer: polled figures and followed events. The views only read it. */
import { batch, signal, untracked } from '@preact/signals';
import { ApiClient, ApiError } from '../api/client.ts';
import type { EventView, FleetView, PoolView, ServerView, StatusView } from '../api/types.ts';
import { access, token } from './access.ts';
import { History } from './history.ts';
import { type Buckets, quantileBetween, readBuckets } from './quantiles.ts';
import { type CounterReading, ratesBetween } from './rates.ts';

export const client = new ApiClient();

export const status = signal<StatusView | null>(null);
export const pools = signal<readonly PoolView[]>([]);
export const servers = signal<readonly ServerView[]>([]);
/** null: there is none. */
export const fleet = signal<FleetView | null>(null);
/** Newest first. */
export const events = signal<readonly EventView[]>([]);
/** '': the balancer answers. */
export const trouble = signal('');
export const isFollowing = signal(false);
/** Goes up with each sample in the history. */
export const sampled = signal(0);
export const history = new History();

/** Told of every event at once: the live picture draws by it. */
export const eventListeners = new Set<(event: EventView) => void>();

const mostEvents = 2_000;
const pollMs = 1_000;
/** With more servers than this, their list is asked for less often. */
const manyServers = 250;
/** The histogram of whole exchanges; asked for every so many polls. */
const histogram = 'limpet_pool_request_duration_seconds';
const pollsPerScrape = 5;

let before: CounterReading | null = null;
let bucketsBefore: Buckets | null = null;
let latency: Record<'p50' | 'p95' | 'p99', number | null> | null = null;
let polls = 0;
let hasMetrics = true;
let hasFleet = true;
const pollsPerFleet = 3;

/** Polls and follows until the page is left. */
export function start(): void {
  let running: AbortController | null = null;
  // Another token: all over again.
  token.subscribe((value) =>
    untracked(() => {
      client.token = value;
      running?.abort();
      running = new AbortController();
      access.value = 'unknown';
      before = null;
      void poll(running.signal);
    }),
  );
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) wake();
  });
}

let wake: () => void = () => {};

async function poll(signal: AbortSignal): Promise<void> {
  let follows = false;
  while (!signal.aborted) {
    const done = await refresh(signal);
    if (signal.aborted) return;
    if (done && !follows) {
      follows = true;
      void client.follow(addEvent, (open) => (isFollowing.value = open), signal);
      void findAccess(signal);
    }
    // A page that nobody sees asks only now and then, so that its charts have no hole.
    const pause = document.hidden ? 5 * pollMs : pollMs;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, pause);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Asks again at once, after a change. */
export function refreshSoon(): void {
  polls = 0;
  wake();
}

async function readFleet(signal: AbortSignal): Promise<void> {
  try {
    fleet.value = await client.get<FleetView>('/v1/fleet', signal);
  } catch (error) {
    // 404: there is none, and none comes without a start.
    if (error instanceof ApiError && error.status === 404) hasFleet = false;
  }
}

async function refresh(signal: AbortSignal): Promise<boolean> {
  try {
    const isLarge = servers.value.length > manyServers;
    const withServers = polls % (isLarge ? 3 : 1) === 0;
    if (hasMetrics && polls % ((isLarge ? 3 : 1) * pollsPerScrape) === 0) void scrape(signal);
    if (hasFleet && polls % pollsPerFleet === 0) void readFleet(signal);
    polls++;
    const [nextStatus, nextPools, nextServers] = await Promise.all([
      client.get<StatusView>('/v1/status', signal),
      client.get<readonly PoolView[]>('/v1/pools', signal),
      withServers ? client.get<readonly ServerView[]>('/v1/servers', signal) : servers.value,
    ]);
    batch(() => {
      if (access.value === 'none') access.value = 'unknown';
      trouble.value = '';
      status.value = nextStatus;
      pools.value = nextPools;
      servers.value = nextServers;
      addSample(nextStatus, nextPools);
    });
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    if (error instanceof ApiError && error.status === 401) {
      batch(() => {
        access.value = 'none';
        trouble.value = '';
      });
    } else {
      trouble.value = error instanceof ApiError ? error.message : 'the balancer does not answer';
    }
    return false;
  }
}

function addSample(next: StatusView, nextPools: readonly PoolView[]): void {
  const now: CounterReading = { time: performance.now(), counters: next.counters };
  if (before !== null) {
    let live = 0;
    let copied = 0;
    let inflight = 0;
    for (const pool of nextPools) {
      live += pool.sessions.live;
      copied += pool.sessions.copied;
      inflight += pool.inflight;
    }
    const quantiles = Object.fromEntries(Object.entries(latency ?? {}).filter(([, value]) => value !== null));
    history.add(Date.now() / 1000, { ...ratesBetween(before, now), live, copied, inflight, ...quantiles });
    sampled.value++;
  }
  before = now;
}

/** Latency stands in the metrics only; a balancer without them has no such lines, and the chart stays empty. */
async function scrape(signal: AbortSignal): Promise<void> {
  try {
    const headers: Record<string, string> = token.value === '' ? {} : { authorization: `Bearer ${token.value}` };
    const response = await fetch('/metrics', { headers, signal, credentials: 'omit' });
    hasMetrics = response.status !== 404;
    if (!response.ok) return;
    const buckets = readBuckets(await response.text(), histogram);
    if (bucketsBefore !== null) {
      const of = (quantile: number) => quantileBetween(bucketsBefore!, buckets, quantile);
      latency = { p50: of(0.5), p95: of(0.95), p99: of(0.99) };
    }
    bucketsBefore = buckets;
  } catch {
    // Tried again with a later poll.
  }
}

/**
 * Whether this token may change something: asks to change a server that cannot exist. A read token is refused before the server is
 * looked for.
 */
async function findAccess(signal: AbortSignal): Promise<void> {
  try {
    await client.send('PATCH', '/v1/servers/-/-', { state: 'ready' }, signal);
    access.value = 'operator';
  } catch (error) {
    if (signal.aborted || !(error instanceof ApiError)) return;
    access.value = error.status === 403 || error.status === 401 ? 'read' : 'operator';
  }
}

/** Events that came since the last frame: a storm of them is one change of the list. */
let fresh: EventView[] = [];

function addEvent(event: EventView): void {
  for (const listener of eventListeners) listener(event);
  if (fresh.length === 0) {
    setTimeout(() => {
      const known = events.value[0]?.id ?? -1;
      const added = fresh.filter(({ id }) => id > known).reverse();
      fresh = [];
      events.value = [...added, ...events.value].slice(0, mostEvents);
    }, 100);
  }
  fresh.push(event);
}
