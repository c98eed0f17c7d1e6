/** The why of each step, in words: made of what was seen, never of what ought to happen. */

import type { Session } from '../affinity/affinity.ts';
import { keyReader } from '../affinity/key.ts';
import type { AffinityOptions, PoolOptions } from '../config/options.ts';
import { balancerFaults, type Fault } from '../errors.ts';
import type { RequestHead } from '../http/head.ts';
import type { AffinityResult, DecisionKind, Explanation } from './explanation.ts';
import type { Attempt, Heard } from './witness.ts';

/** What was seen of one request. */
export interface Told {
  readonly pool: PoolOptions | undefined;
  readonly route: Explanation['route'];
  /** The session as it came; null when none was recognised. */
  readonly recognised: Session | null;
  /** The session as it was in the end; null when the pool or the route has no affinity. */
  readonly session: Session | null;
  readonly owner: Explanation['owner'];
  readonly panic: boolean;
  /** Servers that might be chosen. */
  readonly candidates: number;
  readonly attempts: readonly Attempt[];
  readonly fault: Fault | null;
  /** False: the balancer has keys that we do not know. */
  readonly knownKeys: boolean;
}

/** Policies that go by the session's key and not by load or chance. */
const hashing: readonly string[] = ['rendezvous', 'maglev'];

export function affinityOf(heard: Heard, request: RequestHead): Explanation['affinities'][number] {
  const { name, otherPool } = heard;
  const result = resultOf(heard);
  const reason = otherPool === null ? reasonOf(heard, result, request) : `its token belongs to the pool ${otherPool}`;
  return { name, result, otherPool, reason };
}

function resultOf({ asked, recognised, verdict }: Heard): AffinityResult {
  if (!asked) return 'not-asked';
  if (recognised) return 'recognised';
  return verdict === 'valid' ? 'none' : verdict;
}

function reasonOf({ options, peerTrusted }: Heard, result: AffinityResult, request: RequestHead): string {
  switch (result) {
    case 'not-asked':
      return 'another one has recognised the session before; it only hides from the server what is its own';
    case 'recognised':
      return recognisedBy(options);
    case 'invalid':
      return 'its token was not signed for this pool with a key that is known here: forged, garbled, or of other keys';
    case 'idle':
      return `no request came for longer than the idle time${options.type === 'cookie' ? ` (${duration(options.idle)})` : ''}`;
    case 'old':
      return `the session is past its absolute time${options.type === 'cookie' ? ` (${duration(options.absolute)})` : ''}`;
    case 'none':
      return missing(options, peerTrusted, request);
  }
}

function recognisedBy(options: AffinityOptions): string {
  if (options.type === 'cookie') return `the token in the cookie ${options.name} is authentic and in time`;
  if (options.type === 'rewrite') return `the cookie ${options.cookie} has a prefix of ours`;
  if (options.type === 'source-ip') return 'the address of the client is its key';
  if (options.type === 'route') return `${place(options.key)} is in the map`;
  if (options.type === 'force') return `${place(options.key)} is signed, and the peer is trusted`;
  return `the request brings a name: ${placesOf(options).join(' or ')}`;
}

/** Where an affinity looks for a name. */
function placesOf(options: AffinityOptions): string[] {
  switch (options.type) {
    case 'learn':
      return [
        options.cookie && `cookie ${options.cookie}`,
        options.header && `header ${options.header}`,
        options.query && `query parameter ${options.query}`,
        options.parameter && `path parameter ;${options.parameter}=`,
      ].filter(Boolean);
    case 'header':
      return [`header ${options.name}`];
    case 'query':
      return [`query parameter ${options.name}`];
    case 'path':
      return [`a path that ${options.pattern} matches`];
    case 'socket.io':
      return [`query parameter sid below ${options.path}`];
    default:
      return [];
  }
}

function missing(options: AffinityOptions, peerTrusted: boolean, request: RequestHead): string {
  if (options.type === 'cookie') return `no cookie ${[options.name, options.twin].filter(Boolean).join(' or ')}`;
  if (options.type === 'rewrite') return `no cookie ${options.cookie} with a prefix of ours`;
  if (options.type === 'source-ip') return 'a client on a unix-domain socket has no address';
  if (options.type !== 'route' && options.type !== 'force') return `no ${placesOf(options).join(' and no ')}`;
  if (keyReader(options.key)(request) === null) return `no ${place(options.key)}`;
  if (options.type === 'route') return `${place(options.key)} is not in the map`;
  return peerTrusted
    ? `${place(options.key)} is out of date, not signed with a key of ours, or for a server of another pool`
    : `${place(options.key)} counts from trusted peers only`;
}

function place({ from, name }: { readonly from: string; readonly name: string }): string {
  return from === 'query' ? `query parameter ${name}` : `${from} ${name}`;
}

export function decide(told: Told): Explanation['decision'] {
  const { attempts, fault } = told;
  const last = attempts.at(-1);
  if (fault !== null || last === undefined) {
    return { kind: 'reject', server: null, certain: true, reason: refusal(told) };
  }
  const kind = kindOf(told, last);
  const refused = attempts.slice(0, -1).map(({ server }) => server);
  const after = refused.length === 0 ? '' : `, after ${refused.join(' and ')} had refused the connection`;
  const reason = `${placed(told, kind, last)}${after}`;
  return { kind, server: last.server, certain: isCertain(told, kind, last), reason };
}

function kindOf({ recognised, session }: Told, { steps }: Attempt): DecisionKind {
  const by = steps.at(-1)?.by;
  if (by === 'key') return 'adopt';
  if (by === 'policy') return recognised !== null ? 'rebind' : session?.affinity == null ? 'unbound' : 'new';
  return by === 'substitute' ? 'temporary' : 'owner';
}

function isCertain(told: Told, kind: DecisionKind, { steps }: Attempt): boolean {
  const { candidates, knownKeys, pool } = told;
  if (kind === 'owner') return knownKeys || !steps.some(({ by }) => by === 'home');
  if (candidates === 1) return true;
  // Without the balancer's table nobody knows whether the name has an owner.
  if (kind === 'adopt') return false;
  if (kind === 'temporary') return knownKeys;
  return kind !== 'new' && knownKeys && hashing.includes(pool?.balance ?? '');
}

function placed(told: Told, kind: DecisionKind, { server }: Attempt): string {
  const { owner, pool, recognised, route, session } = told;
  const policy = `balance: ${pool?.balance}`;
  switch (kind) {
    case 'owner':
      return ownerServes(told, server);
    case 'new':
      return `no affinity recognised a session, so ${policy} chooses ${server}, and ${session?.affinity?.name} binds it`;
    case 'unbound':
      return route?.affinity === false
        ? `the route says affinity: none, so ${policy} chooses ${server}`
        : `no affinity recognised a session and none binds one, so ${policy} chooses ${server}`;
    case 'adopt':
      return `unless the table of the balancer knows the name, hashing gives it to ${server}, where it stays`;
    case 'rebind':
      return `${failed(owner)} and whenOwnerFails is rebind, so ${policy} makes ${server} the owner, epoch ${session?.epoch}`;
    default:
      return pool?.whenOwnerFails.action === 'temporary'
        ? `${failed(owner)} and whenOwnerFails is temporary, so ${server} stands in`
        : `${failed(owner)} and ${recognised?.affinity?.name} knows no change of owner, so ${server} stands in`;
  }
}

function ownerServes({ owner, panic }: Told, server: string): string {
  if (owner?.state === 'down' && panic)
    return `${server} owns the session; it is down, but in panic nobody is believed to be`;
  if (owner?.state === 'draining')
    return `${server} owns the session; it is draining, and keeps the sessions that it has`;
  return `${server} owns the session and is up`;
}

function failed(owner: Explanation['owner']): string {
  return owner?.server == null ? 'the owner is no longer in the pool' : `the owner ${owner.server} is ${owner.state}`;
}

function refusal({ fault, owner, pool, recognised }: Told): string {
  if (fault === null) return 'no server was asked';
  if (fault.code === balancerFaults.ownerDown.code) return `${failed(owner)} and whenOwnerFails is reject`;
  if (fault.code === balancerFaults.noRoute.code) return 'no route matches host, path, method and extension';
  if (fault.code === balancerFaults.noServer.code) return `no server of the pool ${pool?.name} is usable`;
  if (fault.side === 'client') return 'the request itself is refused, and the connection ends';
  return recognised === null ? fault.text : `${fault.text} (whenOwnerFails is ${pool?.whenOwnerFails.action})`;
}

/** Why there is a Set-Cookie of ours, or none. */
export function tellClient({ attempts, fault, recognised, session, pool }: Told, set: boolean): string {
  if (fault !== null) return 'the balancer answers by itself and binds nothing';
  const last = attempts.at(-1);
  if (set) {
    if (recognised === null) return 'a new session: the client is told';
    return session === null || session.epoch !== recognised.epoch
      ? 'the client is told of its new owner'
      : `the token was dated ${duration((session.seen - recognised.seen) * 1000)} ago, and is dated anew`;
  }
  const name = session?.affinity?.name;
  if (name === undefined || last === undefined) return 'nothing is bound';
  if (name === 'rewrite') return "the prefix goes into the app's own Set-Cookie, whenever it sets one";
  if (name !== 'cookie') return `${name} tells the client nothing`;
  if (session?.changed !== true) return 'the token that the client has is right, and its date young enough';
  return `a plain 200 may be stored by caches, and ${pool?.name} has onCacheable: skip`;
}

function duration(ms: number): string {
  if (ms % 3_600_000 === 0) return `${ms / 3_600_000}h`;
  return ms % 60_000 === 0 ? `${ms / 60_000}m` : `${Math.floor(ms / 1000)}s`;
}
