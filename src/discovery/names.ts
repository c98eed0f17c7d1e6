/**
 * Resolves the host names of servers in the background, again whenever a reply expires: no request ever waits for a look-up.
 *
 *      asked ── found ──> its addresses, until the TTL (minTtl to maxTtl) is over ──> asked
 *        │ └─── none ───> no address: connections fail with name-not-found ── retry ──> asked
 *        └───── failed ─> the addresses that it had last ── retry ──> asked
 */
import { isIP, isIPv6 } from 'node:net';
import type { LimpetOptions, ResolverOptions } from '../config/options.ts';
import { type Counters, counter } from '../metrics/counters.ts';
import type { Timers } from '../time/clock.ts';
import { within } from '../time/within.ts';
import type { Reply } from './dns-query.ts';
import type { ResolverSettings } from './resolver.ts';

/** By name: its addresses, sorted, so that their order changes only when they change. Empty: the name is not known. */
export type NamedAddresses = ReadonlyMap<string, readonly string[]>;

export interface NamesDependencies {
  readonly find: (name: string, settings: ResolverSettings) => Promise<Reply>;
  readonly timers: Timers;
  readonly counters: Counters;
  readonly log: { info(message: string): void; warn(message: string): void };
  /** At least one name has other addresses than before. */
  readonly onChange: () => void;
}

interface TrackedName {
  readonly name: string;
  addresses: readonly string[];
  /** The state that was logged last. */
  state: 'new' | Reply['state'];
  /** Resolves with the first reply. */
  readonly first: ReturnType<typeof Promise.withResolvers<void>>;
  cancel: () => void;
}

/** The most names that are looked up at one time. */
const maxQueries = 16;

export class Names {
  private readonly deps: NamesDependencies;
  private readonly tracked = new Map<string, TrackedName>();
  private readonly waiting: TrackedName[] = [];
  private queries = 0;
  private settings!: ResolverOptions;

  constructor(deps: NamesDependencies) {
    this.deps = deps;
  }

  /** Resolves the names of this config from now on. Resolves when new names have their first reply, or when that takes too long. */
  async follow(options: Pick<LimpetOptions, 'pools' | 'resolver'>): Promise<void> {
    this.settings = options.resolver;
    const names = namesOf(options);
    for (const [name, tracked] of this.tracked) {
      if (names.has(name)) continue;
      this.tracked.delete(name);
      tracked.cancel();
    }
    for (const name of names) {
      if (this.tracked.has(name)) continue;
      const tracked: TrackedName = {
        name,
        addresses: [],
        state: 'new',
        first: Promise.withResolvers(),
        cancel: () => {},
      };
      this.tracked.set(name, tracked);
      this.query(tracked);
    }
    const { timeout, attempts } = this.settings;
    const first = [...this.tracked.values()].map((tracked) => tracked.first.promise);
    await within(this.deps.timers, timeout * attempts, Promise.all(first));
  }

  get addresses(): NamedAddresses {
    return new Map([...this.tracked.values()].map(({ name, addresses }) => [name, addresses]));
  }

  of(name: string): readonly string[] | undefined {
    return this.tracked.get(name)?.addresses;
  }

  stop(): void {
    for (const { cancel } of this.tracked.values()) cancel();
    this.tracked.clear();
  }

  private query(tracked: TrackedName): void {
    if (this.queries === maxQueries) {
      this.waiting.push(tracked);
      return;
    }
    this.queries++;
    this.deps.find(tracked.name, this.settings).then((reply) => {
      this.queries--;
      if (this.tracked.get(tracked.name) === tracked) this.take(tracked, reply);
      const next = this.waiting.shift();
      if (next !== undefined) this.query(next);
    });
  }

  private take(tracked: TrackedName, reply: Reply): void {
    const { timers, counters } = this.deps;
    const { minTtl, maxTtl, retry } = this.settings;
    const ttl = reply.state === 'found' ? Math.min(maxTtl, Math.max(minTtl, reply.ttl * 1000)) : retry;
    // Set before `onChange` is called: if that calls `stop`, this timer is cancelled, too.
    tracked.cancel = timers.after(ttl, () => this.query(tracked));
    if (reply.state !== 'found') counters.add(counter.names_failed);
    const before = tracked.addresses;
    if (reply.state !== 'failed') tracked.addresses = reply.state === 'found' ? this.limit(reply.addresses) : [];
    const isChanged = tracked.addresses.join() !== before.join();
    this.logReply(tracked, reply, isChanged);
    tracked.state = reply.state;
    tracked.first.resolve();
    if (!isChanged) return;
    counters.add(counter.names_changed);
    this.deps.onChange();
  }

  /** Sorted, because many DNS servers rotate the addresses in each reply. */
  private limit(found: readonly string[]): readonly string[] {
    const { maxAddresses } = this.settings;
    const all = [...new Set(found)].sort(compareAddresses);
    if (all.length > maxAddresses) this.deps.counters.add(counter.addresses_dropped, all.length - maxAddresses);
    return all.slice(0, maxAddresses);
  }

  private logReply({ name, addresses, state }: TrackedName, reply: Reply, isChanged: boolean): void {
    const { log } = this.deps;
    if (reply.state === 'found') {
      if (isChanged || state !== 'found') log.info(`name ${name}: ${addresses.join(', ')}`);
    } else if (reply.state !== state) {
      const kept = addresses.length === 0 ? 'no address of it is known' : `it stays ${addresses.join(', ')}`;
      if (reply.state === 'none') log.warn(`name ${name} does not exist: its servers cannot be reached`);
      else log.warn(`name ${name} cannot be looked up (${reply.reason}): ${kept}`);
    }
  }
}

function namesOf({ pools }: Pick<LimpetOptions, 'pools'>): Set<string> {
  const names = new Set<string>();
  for (const { servers } of pools)
    for (const { address } of servers) if (address.kind === 'tcp' && isIP(address.host) === 0) names.add(address.host);
  return names;
}

/** IPv4 first: a server with both kinds can be reached by IPv4 from everywhere. */
function compareAddresses(a: string, b: string): number {
  const [six, otherSix] = [isIPv6(a), isIPv6(b)];
  if (six !== otherSix) return six ? 1 : -1;
  return a.localeCompare(b, 'en', { numeric: true });
}
