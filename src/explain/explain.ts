/**
 * Explains what the balancer would do with one request: builds the real balancer from the config, on a network without sockets, and sends
 * it the request. Nothing is decided here; this only describes what the balancer did.
 */

import { Balancer } from '../balancer/balancer.ts';
import type { TlsMaterial } from '../certificates/material.ts';
import type { LimpetOptions, ListenerOptions, RouteOptions } from '../config/options.ts';
import { faults, UsageError } from '../errors.ts';
import { isForwardedSecure } from '../http/forwarded.ts';
import { RequestHead } from '../http/head.ts';
import { type Address, formatAddress } from '../net/socket.ts';
import { trustOf } from '../net/trust.ts';
import { createRouter, isForListener } from '../proxy/router.ts';
import { createSingleWorker, type SingleWorker } from '../shared/single-worker.ts';
import { readResponse } from './answer.ts';
import { readCapture, refusedAt } from './capture.ts';
import { type Attempt, DecisionRecorder } from './decision-recorder.ts';
import { DryNet, dryServerTls } from './dry-net.ts';
import type { Explanation } from './explanation.ts';
import { ownerOf } from './owner.ts';
import { decide, type Findings, reasonForClient } from './reasons.ts';
import { explainAffinity } from './recognition.ts';

export interface Question {
  /** The captured request; bytes may follow its head. */
  readonly request: Buffer;
  /** One of the config's. */
  readonly listener: ListenerOptions;
  /** Address of the peer; '' for a unix-domain socket. */
  readonly peer: string;
  /** Names of servers that are down, or draining, in whichever pool has them. */
  readonly down: readonly string[];
  readonly draining: readonly string[];
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
  readonly keys: Explanation['keys'];
  /** Key of the hashes under which the table knows sessions. */
  readonly tableSecret: Buffer;
  /** Fills the table from the file that the balancer has saved, and describes it. `now` is Unix seconds. */
  readonly loadTable: (into: SingleWorker, now: number) => Promise<Explanation['table']>;
  /** Uniform in [0, 1), for policies that choose at random. */
  readonly random: () => number;
}

/** With HTTP/1.1 on both sides, as the captured request and the responses of `DryNet` have it: that decides nothing. */
function dryOptions(options: LimpetOptions): LimpetOptions {
  return {
    ...options,
    listeners: options.listeners.map((listener) => ({ ...listener, protocols: ['h1'] })),
    pools: options.pools.map((pool) => ({ ...pool, protocol: 'h1', tls: null })),
    log: { access: { format: 'json', sample: 1, file: null, syslog: null }, level: 'error' },
  };
}

/** No certificate is read: nothing is encrypted here. */
function dryMaterial({ listeners }: LimpetOptions): TlsMaterial {
  return { listeners: listeners.map(({ tls }) => (tls === null ? null : dryServerTls)), pools: new Map() };
}

/** Throws UsageError for a server that no pool has. `options.keys` holds at least one key. */
export async function explain(options: LimpetOptions, question: Question): Promise<Explanation> {
  const { listener, peer, now } = question;
  const { head: bytes, notes } = readCapture(question.request);
  const recorder = new DecisionRecorder();
  const attempts: Attempt[] = [];
  const down = new Set<Address>();
  const net = new DryNet(
    (address) => down.has(address),
    (address) => {
      attempts.push({ server: nameOf(recorder, address), steps: recorder.steps });
      recorder.steps = [];
    },
  );
  let line = '{}';
  const seconds = Math.floor(now / 1000);
  const single = createSingleWorker(options, seconds);
  const { shared, numbers } = single;
  const table = await question.loadTable(single, seconds);
  const limpet = new Balancer(dryOptions(options), {
    net,
    shared,
    numbers,
    material: dryMaterial(options),
    secret: question.tableSecret,
    report() {},
    announceRoom() {},
    reportShortage() {},
    writeAccess: (text, done) => {
      line = text;
      done();
    },
    clock: { now: () => now, wall: () => now, monotonic: () => 0 },
    timers: { after: () => () => {} },
    random: question.random,
    observe: recorder.observe,
  });
  for (const address of mark(recorder, question)) down.add(address);

  const head = new RequestHead(listener.limits);
  const readable = head.read(bytes, 0, bytes.length) > 0;
  const trusted = trustOf(listener.trustedProxies)(peer);
  const peerSecure = listener.tls !== null;
  const isSecure = readable && trusted ? isForwardedSecure(head, peerSecure) : peerSecure;
  const route = readable ? createRouter(markers(options.routes, listener, isSecure))(head) : null;
  const parts = recorder.pools.find((pool) => pool.options.name === route?.pool)?.parts ?? null;
  const servers = parts?.fleet.servers.map(({ name, state }) => ({ name, state })) ?? [];
  const panic = parts?.fleet.snapshot.panic ?? false;
  const candidates = parts?.fleet.snapshot.up.length ?? 0;

  await limpet.start(options.listeners.map(({ address }) => (address.kind === 'tcp' ? address.port : 0)));
  const answer = readResponse(net.request(listener.address, peer, bytes));
  await limpet.stop();
  const log = JSON.parse(line) as {
    readonly client?: string | null;
    readonly session?: string | null;
    readonly epoch?: number;
  };

  const { found, session } = recorder;
  const named = route?.affinity === true ? recorder.recognised : null;
  // The balancer treats it as if no session had been recognised.
  const over = named?.kind === 'key' && found?.lookup === 'ended';
  const recognised = over ? null : named;
  const owner = recognised === null || parts === null ? null : ownerOf(recorder, recognised, attempts, parts, servers);
  const fault = faults.find(({ code }) => code === answer.reason) ?? null;
  const findings: Findings = {
    pool: options.pools.find(({ name }) => name === route?.pool),
    route,
    recognised,
    by: recorder.affinities.find(({ asked, recognised }) => recognised && asked)?.options ?? null,
    session: route?.affinity === true ? session : null,
    epoch: log.epoch ?? 0,
    binding: recorder.binding,
    owner,
    over,
    ended: recorder.ended,
    panic,
    candidates,
    attempts,
    fault,
    location: attempts.length === 0 ? answer.location : null,
    knownKeys: question.keys !== 'none',
    knownTable: table.source === 'saved',
    copied: options.sessions !== null,
  };
  const known = recognised?.kind === 'hash' || found?.lookup !== 'live' ? null : found;
  return {
    request: { line: readable ? text(bytes, head.methodStart, head.targetEnd + 9) : null, notes },
    now: new Date(now).toISOString(),
    keys: question.keys,
    table,
    listener: formatAddress(listener.address),
    client: { address: log.client ?? peer, peer, trusted },
    route,
    affinities: recorder.affinities.map((decision) => explainAffinity(decision, over, head)),
    session:
      recognised === null
        ? null
        : {
            affinity: recognised.affinity?.name ?? '',
            tag: log.session ?? null,
            epoch: recognised.epoch,
            born: time(recognised.seen === 0 ? known?.born : recognised.born),
            dated: time(recognised.seen),
            seen: time(known?.seen),
          },
    owner,
    servers,
    panic,
    attempts: attempts.map(({ server }, i) => ({
      server,
      result: net.requests[i]?.received === '' ? 'refused' : 'answered',
    })),
    decision: decide(findings),
    toServer: fault === null ? (net.requests.at(-1)?.received ?? null) : null,
    toClient: {
      status: answer.status,
      setCookies: answer.setCookies,
      reason: reasonForClient(findings, answer.setCookies.length > 0),
      fault:
        fault === null
          ? null
          : { code: fault.code, text: fault.text, at: readable ? null : refusedAt(bytes, listener.limits) },
    },
  };
}

type FoundRoute = NonNullable<Explanation['route']>;

function markers(routes: readonly RouteOptions[], { address, redirect }: ListenerOptions, isSecure: boolean) {
  return routes
    .map(({ match, pool, affinity }, index) => {
      const route: FoundRoute = { index, match, pool, affinity };
      return { ...match, route };
    })
    .filter(({ listeners }) => isForListener(listeners, formatAddress(address)))
    .filter(({ listeners }) => redirect === null || isSecure || listeners.length > 0);
}

/** Marks servers as down or draining, as the user has asked. Answers the addresses that refuse connections. */
function mark({ pools }: DecisionRecorder, { down, draining, now }: Question): Address[] {
  const refusing: Address[] = [];
  const of = (name: string) => {
    const found = pools.flatMap(({ parts: { fleet } }) =>
      fleet.servers.filter((server) => server.name === name).map((server) => ({ fleet, server })),
    );
    if (found.length > 0) return found;
    const names = pools.flatMap(({ options }) => options.servers.map((server) => server.name));
    throw new UsageError(`there is no server "${name}", expected one of ${[...new Set(names)].join(', ')}`);
  };
  for (const { fleet, server } of draining.flatMap(of)) fleet.setDrained(server, true, now);
  for (const { fleet, server } of down.flatMap(of)) {
    fleet.setActive(server, false, now);
    refusing.push(server.address);
  }
  return refusing;
}

/** The balancer connects to the address object of the config, so equal addresses of two pools can be told apart. */
function nameOf({ pools }: DecisionRecorder, address: Address): string {
  const all = pools.flatMap(({ options }) => options.servers);
  return all.find((server) => server.address === address)?.name ?? formatAddress(address);
}

function text(bytes: Buffer, start: number, end: number): string {
  return bytes.toString('latin1', start, end);
}

function time(seconds = 0): string | null {
  return seconds === 0 ? null : new Date(seconds * 1000).toISOString();
}
