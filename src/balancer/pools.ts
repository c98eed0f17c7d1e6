/** Makes a pool from its options: its servers, affinities and policies, and the functions by which the proxy uses them. */
import type { Affinity } from '../affinity/affinity.ts';
import { createAffinity } from '../affinity/registry.ts';
import { SessionStatus } from '../affinity/session-status.ts';
import type { TokenRings } from '../affinity/token.ts';
import { Chooser } from '../balance/chooser.ts';
import { HashOwners } from '../balance/hash-owners.ts';
import { createPolicy } from '../balance/registry.ts';
import { Rendezvous } from '../balance/rendezvous.ts';
import type { PoolAffinity, PoolOptions } from '../config/options.ts';
import { Connects } from '../fleet/connects.ts';
import type { Fleet, MembershipChange } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import type { PassiveReport } from '../health/passive.ts';
import { counter } from '../metrics/counters.ts';
import { Rebalancer } from '../ownership/rebalancer.ts';
import { type ConnectTo, Pool, type PoolParts } from '../proxy/pool.ts';
import { Connector } from '../proxy/server/connector.ts';
import { H1ServerConnection } from '../proxy/server/h1-connection.ts';
import { H2Connections, type TlsFor } from '../proxy/server/h2-connections.ts';
import type { PoolContext } from '../proxy/server/pool-context.ts';
import type { Shared } from '../shared/memory.ts';
import type { OtherNodes } from '../shared/other-nodes.ts';
import { kindName, type Numbers } from '../shared/slots.ts';
import { Fingerprints } from '../table/fingerprint.ts';
import { Entry, type SessionTable } from '../table/table.ts';
import { unixSeconds } from '../time/clock.ts';
import { createFleet, type IdKeys, planServers } from './fleets.ts';
import { type CopySource, createReplication, createSharedOwners, type OwnerSource } from './replication.ts';

/**
 * Takes what traffic has shown of a server. The server is named by pool and `Server.identity`, because an exchange that began
 * under the previous config may still be running.
 */
export type ReportPassive = (pool: string, server: string, report: PassiveReport) => void;

/**
 * Called when another Limpet seems to use a cookie of the same name; once for each pool and direction. `server`: the one that set it;
 * null: a client sent a token in it.
 */
export type ReportForeignCookie = (pool: string, cookie: string, server: string | null) => void;

export interface PoolDependencies {
  readonly context: PoolContext;
  readonly shared: Shared;
  readonly numbers: Numbers;
  readonly secret: Buffer;
  /** Token keys, at least one: the first signs, all verify. */
  readonly keys: readonly Buffer[];
  readonly idKeys: IdKeys;
  readonly identify: boolean;
  /** Milliseconds by which the clocks of other nodes may be ahead of ours. */
  readonly skew: number;
  /** null: no copies of sessions are kept. */
  readonly copies: CopySource | null;
  /** null: this is the only balancer. */
  readonly owners: OwnerSource | null;
  /** Counts the connections that this worker is making, to all servers together. */
  readonly connects: Connects;
  readonly report: ReportPassive;
  readonly reportForeignCookie: ReportForeignCookie;
  readonly announceRoom: (pool: string) => void;
  readonly random: () => number;
  readonly randomWords: (words: Uint32Array) => void;
  /** null: the other balancers are known, by `fleet`. */
  readonly otherNodes: OtherNodes | null;
  readonly rings: TokenRings;
  /** How connections to the servers of a pool with `tls` are encrypted. Throws UsageError when its certificates are not there. */
  readonly tlsOf: (pool: PoolOptions) => TlsFor;
  readonly observe: (parts: PoolParts, pool: PoolOptions) => PoolParts;
}

export function createPool(options: PoolOptions, deps: PoolDependencies): Pool {
  const { context, shared, random, identify } = deps;
  const { clock, events } = context.worker;
  const { name } = options;
  const fleet = createFleet(options, { ...deps, load: shared.load });
  limitConnects(fleet.servers, options, deps);
  const turns = {
    last: () => shared.load.lastTurn(fleet.slot),
    pass: (from: number, to: number) => shared.load.passTurn(fleet.slot, from, to),
  };
  const chooser = new Chooser(createPolicy(options.balance, { random, turns }), fleet, options);
  const byKey = new Chooser(new Rendezvous(), fleet, options);
  const substitutes = new Chooser(new Rendezvous(), fleet, { maxLoad: 0 });
  const hashOwners = new HashOwners(fleet);
  const seconds = () => unixSeconds(clock);
  const rebalancer = new Rebalancer(options.rebalance, fleet, shared.table, seconds);
  const sharedOwners = createSharedOwners(options, fleet, { ...deps, ...shared, clock, events });
  const choose: PoolParts['choose'] = (key, excluded) => {
    if (fleet.snapshot.panic) shared.counters.add(counter.panic_choices);
    return chooser.choose(key, excluded);
  };
  const chooseSubstitute: PoolParts['chooseSubstitute'] = (key, excluded) => substitutes.choose(key, excluded);
  const parts: PoolParts = {
    fleet,
    affinities: options.affinity.map((affinity) => affinityOf(affinity, options, fleet, deps)),
    whenOwnerFails: options.affinity.map(({ whenOwnerFails }) => whenOwnerFails),
    table: shared.table,
    copies: createReplication(options, fleet, { ...deps, ...shared, clock, events }),
    sharedOwners,
    shouldRebalance: (owner) => rebalancer.shouldRebalance(owner),
    evensOut: (from, to) => rebalancer.evensOut(from, to),
    choose,
    chooseNewOwner: sharedOwners === null ? choose : chooseSubstitute,
    lacksRoom: (excluded) => chooser.lacksRoom(excluded),
    hashOwner: (key) => hashOwners.of(key),
    chooseForKey: (key, excluded) => byKey.choose(key, excluded),
    chooseSubstitute,
    health: healthOf(options, deps),
    misframed: ({ identity }, how) => deps.report(name, identity, { what: 'misframed', how }),
    drainAsked: ({ identity }, asked) => deps.report(name, identity, { what: 'drain-asked', asked }),
    tlsFailed: reportTlsFailures(name, deps),
    announceRoom: () => deps.announceRoom(name),
    configVersion: shared.configVersion,
    random,
  };
  const tlsFor: TlsFor = options.tls === null ? () => null : deps.tlsOf(options);
  const settings = { ...options, identify };
  const observed = deps.observe(parts, options);
  const h2 = options.protocol === 'h2' ? new H2Connections(context, options, tlsFor, options.tls !== null) : null;
  const connectTo = h2 === null ? connectH1(context, tlsFor) : h2.connectTo;
  const pool = new Pool(context.worker, settings, observed, connectTo, h2);
  fleet.onChange = () => pool.wake();
  return pool;
}

/** A server that fails each request would fill the log. */
const tlsReportMs = 60_000;

/** Each reason of a server is reported once a minute at most. */
function reportTlsFailures(pool: string, { report, context }: PoolDependencies): PoolParts['tlsFailed'] {
  const { clock } = context.worker;
  const reported = new Map<string, { readonly how: string; readonly at: number }>();
  return ({ identity }, how) => {
    const last = reported.get(identity);
    const at = clock.monotonic();
    if (last?.how === how && at - last.at < tlsReportMs) return;
    reported.set(identity, { how, at });
    report(pool, identity, { what: 'tls-failed', how });
  };
}

function connectH1(context: PoolContext, tlsFor: TlsFor): ConnectTo {
  return (owner, server, listener) =>
    new Connector<H1ServerConnection>(context, owner, server, listener, {
      open: (socket) => new H1ServerConnection(context, owner, server, socket),
      tls: tlsFor(server),
      protocol: 'h1',
    });
}

/**
 * The change, for `Pool.applyMembership`, that gives a running pool the servers of these options. The options differ from those of
 * the pool in their servers only. Throws UsageError when two servers would have the same id.
 */
export function planMembership(
  pool: Pool,
  options: PoolOptions,
  deps: Pick<PoolDependencies, 'shared' | 'numbers' | 'idKeys' | 'connects'>,
): MembershipChange {
  const { shared, numbers, idKeys } = deps;
  const change = planServers(pool.parts.fleet, options, { load: shared.load, numbers, idKeys });
  limitConnects(change.added, options, deps);
  return change;
}

function limitConnects(
  servers: readonly Server[],
  { limits }: PoolOptions,
  { connects }: Pick<PoolDependencies, 'connects'>,
): void {
  for (const server of servers) server.connects = new Connects(limits.connecting, connects);
}

function affinityOf(
  options: PoolAffinity,
  { name: pool, sessions }: PoolOptions,
  fleet: Fleet,
  {
    keys,
    idKeys,
    secret,
    numbers,
    randomWords,
    rings,
    skew,
    shared,
    otherNodes,
    reportForeignCookie,
  }: PoolDependencies,
): Affinity {
  const kind = kindName(pool, options);
  const reported = { request: false, response: false };
  const statusOf = statusIn(shared.table);
  return createAffinity(options, {
    pool,
    keys,
    hashKey: idKeys.hash,
    names: Fingerprints.of(secret, kind),
    ids: sessions ? Fingerprints.of(secret, `id ${kind}`) : undefined,
    statusOf,
    sessions,
    lifetime: numbers.lifetimes.get(kind) ?? 0,
    skew: skew / 1000,
    onAhead: () => shared.counters.add(counter.clock_ahead),
    ...(otherNodes !== null && {
      onValid: (token) =>
        otherNodes.check(pool, token, () => statusOf(token.sid0, token.sid1, token.seen) !== SessionStatus.unknown),
    }),
    onForeign: (cookie, owner) => {
      const from = owner === null ? 'request' : 'response';
      if (owner !== null) shared.counters.add(counter.cookies_foreign);
      if (reported[from]) return;
      reported[from] = true;
      reportForeignCookie(pool, cookie, owner === null ? null : (fleet.find(owner)?.name ?? ''));
    },
    onLimited: () => shared.counters.add(counter.cookies_limited),
    idOf: (name) => fleet.servers.find((server) => server.name === name)?.tokenId,
    randomWords,
    rings,
  });
}

function statusIn(table: SessionTable): (hi: number, lo: number, now: number) => SessionStatus {
  const key = { hi: 0, lo: 0 };
  const entry = new Entry();
  return (hi, lo, now) => {
    key.hi = hi;
    key.lo = lo;
    const lookup = table.find(key, now, entry);
    if (lookup === 'ended') return SessionStatus.ended;
    if (lookup !== 'live') return SessionStatus.unknown;
    return entry.given ? SessionStatus.given : SessionStatus.adopted;
  };
}

/** Reports only what may change the health of a server: not the good answer of a server that has no failures. */
function healthOf({ name, health }: PoolOptions, { report }: PoolDependencies): PoolParts['health'] {
  const { passive } = health;
  if (passive === null) return null;
  return {
    connectFailed: ({ identity }) => report(name, identity, { what: 'connect-failed' }),
    answered: ({ identity, failures }, status) => {
      if (failures === 0 && (status < 500 || passive.serverErrors === 0)) return;
      report(name, identity, { what: 'answered', status });
    },
  };
}
