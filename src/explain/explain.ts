/**
 * What the balancer would do with one request: the real one is built from the config, on a network without a kernel,
 * and asked. Nothing is decided here; what it said and did is put in order.
 */
import type { LimpetOptions, ListenerOptions, RouteOptions } from '../config/options.ts';
import { faults, UsageError } from '../errors.ts';
import { RequestHead, ResponseHead } from '../http/head.ts';
import { Limpet } from '../limpet.ts';
import { type Address, formatAddress } from '../net/socket.ts';
import { trustOf } from '../net/trust.ts';
import type { PoolParts } from '../proxy/pool.ts';
import { createRouter } from '../proxy/router.ts';
import { shareAlone } from '../shared/alone.ts';
import { readCapture, refusedAt } from './capture.ts';
import { DryNet } from './dry-net.ts';
import type { Explanation } from './explanation.ts';
import { affinityOf, decide, tellClient } from './reasons.ts';
import { type Attempt, Witness } from './witness.ts';

export interface Question {
  /** The capture; more than the head may follow. */
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
  /** From which the names of sessions are hashed. */
  readonly tableSecret: Buffer;
  /** Uniform in [0, 1): for policies that throw dice. */
  readonly random: () => number;
}

/** Throws UsageError for a server that no pool has. `options.keys` holds at least one key. */
export async function explain(options: LimpetOptions, question: Question): Promise<Explanation> {
  const { listener, peer, now } = question;
  const { head: bytes, notes } = readCapture(question.request);
  const witness = new Witness();
  const attempts: Attempt[] = [];
  const down = new Set<Address>();
  const net = new DryNet(
    (address) => down.has(address),
    (address) => {
      attempts.push({ server: nameOf(witness, address), steps: witness.steps });
      witness.steps = [];
    },
  );
  let line = '{}';
  const { shared, numbers } = shareAlone(options, Math.floor(now / 1000));
  const limpet = new Limpet(
    { ...options, log: { access: 'json', level: 'error' } },
    {
      net,
      shared,
      numbers,
      secret: question.tableSecret,
      see() {},
      tellRoom() {},
      writeAccess: (text) => {
        line = text;
      },
      clock: { now: () => now, monotonic: () => 0 },
      timers: { after: () => () => {} },
      random: question.random,
      observe: witness.observe,
    },
  );
  for (const address of mark(witness, question)) down.add(address);

  const head = new RequestHead(listener.limits);
  const readable = head.read(bytes, 0, bytes.length) > 0;
  const route = readable ? createRouter(markers(options.routes))(head) : null;
  const parts = witness.pools.find((pool) => pool.options.name === route?.pool)?.parts ?? null;
  const servers = parts?.fleet.servers.map(({ name, state }) => ({ name, state })) ?? [];
  const panic = parts?.fleet.snapshot.panic ?? false;
  const candidates = parts?.fleet.snapshot.up.length ?? 0;

  await limpet.start(options.listeners.map(({ address }) => (address.kind === 'tcp' ? address.port : 0)));
  const answer = readAnswer(net.ask(listener.address, peer, bytes));
  await limpet.stop();
  const log = JSON.parse(line) as { readonly client?: string | null; readonly session?: string | null };

  const recognised = route?.affinity === true ? witness.recognised : null;
  const owner = recognised === null || parts === null ? null : ownerOf(witness, attempts, parts, servers);
  const pool = options.pools.find(({ name }) => name === route?.pool);
  const fault = faults.find(({ code }) => code === answer.reason) ?? null;
  const told = {
    pool,
    route,
    recognised,
    session: route?.affinity === true ? witness.session : null,
    owner,
    panic,
    candidates,
    attempts,
    fault,
    knownKeys: question.keys !== 'none',
  };
  return {
    request: { line: readable ? text(bytes, head.methodStart, head.targetEnd + 9) : null, notes },
    now: new Date(now).toISOString(),
    keys: question.keys,
    listener: formatAddress(listener.address),
    client: { address: log.client ?? peer, peer, trusted: trustOf(listener.trustedProxies)(peer) },
    route,
    affinities: witness.heard.map((heard) => affinityOf(heard, head)),
    session:
      recognised === null
        ? null
        : {
            affinity: recognised.affinity?.name ?? '',
            tag: log.session ?? null,
            epoch: recognised.epoch,
            born: recognised.seen === 0 ? null : time(recognised.born),
            dated: recognised.seen === 0 ? null : time(recognised.seen),
          },
    owner,
    servers,
    panic,
    attempts: attempts.map(({ server }, i) => ({
      server,
      result: net.asked[i]?.received === '' ? 'refused' : 'answered',
    })),
    decision: decide(told),
    toServer: fault === null ? (net.asked.at(-1)?.received ?? null) : null,
    toClient: {
      status: answer.status,
      setCookies: answer.setCookies,
      reason: tellClient(told, answer.setCookies.length > 0),
      fault:
        fault === null
          ? null
          : { code: fault.code, text: fault.text, at: readable ? null : refusedAt(bytes, listener.limits) },
    },
  };
}

type FoundRoute = NonNullable<Explanation['route']>;

function markers(routes: readonly RouteOptions[]) {
  return routes.map(({ match, pool, affinity }, index) => {
    const route: FoundRoute = { index, match, pool, affinity };
    return { ...match, route };
  });
}

/** Tells the fleets what the question supposes. Answers the addresses that refuse connections. */
function mark({ pools }: Witness, { down, draining, now }: Question): Address[] {
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

/** The balancer dials the very address of the config: that tells equal ones of two pools apart. */
function nameOf({ pools }: Witness, address: Address): string {
  const all = pools.flatMap(({ options }) => options.servers);
  return all.find((server) => server.address === address)?.name ?? formatAddress(address);
}

function ownerOf(
  { recognised, steps }: Witness,
  attempts: readonly Attempt[],
  { fleet }: PoolParts,
  servers: Explanation['servers'],
): Explanation['owner'] {
  const all = [...attempts.flatMap((attempt) => attempt.steps), ...steps];
  const id = recognised?.owner ?? 0;
  const server = id === 0 ? all.find(({ by }) => by === 'home')?.server : fleet.find(id);
  const state = servers.find(({ name }) => name === server?.name)?.state ?? 'gone';
  return { server: server?.name ?? null, state };
}

interface Answer {
  readonly status: number;
  /** Without the token. */
  readonly setCookies: readonly string[];
  /** Why the balancer answered by itself; null when a server did. */
  readonly reason: string | null;
}

/** The answer is our own: its limits are wide. */
function readAnswer(bytes: Buffer): Answer {
  const head = new ResponseHead({ headBytes: bytes.length + 1, headers: 1000, uriBytes: 0 });
  if (head.read(bytes, 0, bytes.length) <= 0) throw new Error('the balancer gave no answer');
  const setCookies: string[] = [];
  let reason: string | null = null;
  for (let i = 0; i < head.headers.count; i++) {
    const name = text(bytes, head.headers.lineStart(i), head.headers.nameEnd(i));
    // The token is a credential, and explanations end up in tickets.
    if (name === 'Set-Cookie') setCookies.push(head.headers.value(i).replace(/=[^;]*/, '=<token>'));
    else if (name === 'Limpet-Reason') reason = head.headers.value(i);
  }
  return { status: head.status, setCookies, reason };
}

function text(bytes: Buffer, start: number, end: number): string {
  return bytes.toString('latin1', start, end);
}

function time(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
