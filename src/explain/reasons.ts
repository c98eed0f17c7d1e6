/** The reasons of a decision, in words. Derived only from what the balancer did, never from what it should do. */
import type { Binding, RecognitionView } from '../affinity/affinity.ts';
import { descriptorOf } from '../affinity/registry.ts';
import { isByKey } from '../balance/registry.ts';
import type { PoolAffinity, PoolOptions } from '../config/options.ts';
import { balancerFaults, type Fault } from '../errors.ts';
import type { Attempt } from './decision-recorder.ts';
import { duration } from './duration.ts';
import type { DecisionKind, Explanation } from './explanation.ts';

/** What the balancer did with one request. */
export interface Findings {
  readonly pool: PoolOptions | undefined;
  readonly route: Explanation['route'];
  /** The session as the request brought it; null: none was recognised. */
  readonly recognised: RecognitionView | null;
  /** The affinity that recognised it. */
  readonly by: PoolAffinity | null;
  /** What the affinities knew about the session in the end; null: the pool or the route has no affinity. */
  readonly session: RecognitionView | null;
  /** Epoch of the session's owner in the end. */
  readonly epoch: number;
  /** What `bind` of an affinity got; null: it was not called. */
  readonly binding: Binding | null;
  readonly owner: Explanation['owner'];
  /** The app had ended the session that the request names, so it was not recognised. */
  readonly over: boolean;
  /** The response has ended the session. */
  readonly ended: boolean;
  readonly panic: boolean;
  /** How many servers could be chosen. */
  readonly candidates: number;
  readonly attempts: readonly Attempt[];
  readonly fault: Fault | null;
  /** Where the listener redirects the request; null: it does not. */
  readonly location: string | null;
  /** False: this process does not have the keys of the balancer. */
  readonly knownKeys: boolean;
  /** False: this process does not have the session table of the balancer. */
  readonly knownTable: boolean;
  /** Sessions may have copies; one with a copy may be moved to another server while its owner is up. */
  readonly copied: boolean;
}

export function decide(findings: Findings): Explanation['decision'] {
  const { attempts, fault } = findings;
  const last = attempts.at(-1);
  if (fault !== null || last === undefined) {
    return { kind: 'reject', server: null, certain: isOwnerKnown(findings), reason: refusal(findings) };
  }
  const kind = kindOf(findings, last);
  const refused = attempts.slice(0, -1).map(({ server }) => server);
  const after = refused.length === 0 ? '' : `, after ${refused.join(' and ')} had refused the connection`;
  const reason = `${placed(findings, kind, last)}${after}`;
  return { kind, server: last.server, certain: isCertain(findings, kind), reason };
}

function kindOf({ recognised, session }: Findings, { steps }: Attempt): DecisionKind {
  const by = steps.at(-1)?.by;
  if (by === 'key') return 'adopt';
  if (by === 'policy') return recognised !== null ? 'rebind' : session?.affinity == null ? 'unbound' : 'new';
  return by === 'substitute' ? 'temporary' : 'owner';
}

/** False when load, chance, or something that only the running balancer knows can change the decision. */
function isCertain(findings: Findings, kind: DecisionKind): boolean {
  const { candidates, knownKeys, pool } = findings;
  if (!isOwnerKnown(findings)) return false;
  const capped = pool?.servers.some(({ maxRequests }) => maxRequests > 0) === true;
  if (kind === 'owner') return !mayLeave(findings) && (!capped || pool?.whenOwnerFull !== 'rebind');
  if (candidates === 1) return true;
  if (kind === 'new' || capped || !knownKeys) return false;
  if (kind === 'temporary') return true;
  const bounded = pool === undefined || pool.maxLoad > 0;
  return !bounded && (kind === 'adopt' || isByKey(pool.balance));
}

/**
 * The owner of a name is only in the table, and so is the new owner of a session whose client does not get a new proof (`rewrite`). A
 * server that is chosen by hash depends on the keys.
 */
function isOwnerKnown({ by, knownKeys, knownTable, over, recognised }: Findings): boolean {
  if (over || recognised === null) return true;
  if (recognised.kind === 'hash') return knownKeys;
  return knownTable || (recognised.kind !== 'key' && (by === null || !descriptorOf(by).withoutEpoch));
}

function placed(findings: Findings, kind: DecisionKind, { server }: Attempt): string {
  const { knownTable, pool, recognised, session } = findings;
  const policy = `balance: ${pool?.balance}`;
  switch (kind) {
    case 'owner':
      return ownerServes(findings, server);
    case 'new':
      return `no affinity recognised a session, so ${policy} chooses ${server}, and ${session?.affinity?.name} binds it`;
    case 'unbound':
      return unbound(findings, server);
    case 'adopt':
      return knownTable
        ? `nobody owns the name as of the last save of the table, so hashing gives it to ${server}, where it stays`
        : `unless the table of the balancer knows the name, hashing gives it to ${server}, where it stays`;
    case 'rebind':
      return `${failed(findings)} and ${whenFails(findings)}, so ${policy} makes ${server} the owner, epoch ${findings.epoch}`;
    default:
      return actionOf(findings) === 'temporary'
        ? `${failed(findings)} and ${whenFails(findings)}, so ${server} stands in`
        : `${failed(findings)} and ${recognised?.affinity?.name} knows no change of owner, so ${server} stands in`;
  }
}

function unbound({ over, pool, route }: Findings, server: string): string {
  const policy = `balance: ${pool?.balance}`;
  if (route?.affinity === false) return `the route says affinity: none, so ${policy} chooses ${server}`;
  if (over) return `the session that the request names has ended, so ${policy} chooses ${server}`;
  const chosen = `no affinity recognised a session and none binds one, so ${policy} chooses ${server}`;
  const learning = pool?.affinity.some((affinity) => descriptorOf(affinity).learns);
  return learning === true ? `${chosen}; a session that the app names in its answer lives there` : chosen;
}

/** Only the balancer knows whether there is a copy, what else runs, and who has too many. */
function mayLeave({ copied, owner, pool, recognised }: Findings): boolean {
  if (!copied || recognised === null || recognised.kind === 'hash' || recognised.kind === 'fixed') return false;
  return owner?.state === 'draining' || (pool?.rebalance.skew ?? 0) > 0;
}

function ownerServes(findings: Findings, server: string): string {
  const { owner, panic, recognised } = findings;
  const later =
    owner?.source === 'table' && recognised?.kind === 'token'
      ? ', says the table, which knows more than the token'
      : '';
  if (owner?.state === 'down' && panic)
    return `${server} owns the session${later}; it is down, but in panic nobody is believed to be`;
  if (owner?.state === 'draining' && mayLeave(findings))
    return `${server} owns the session${later}; it is draining: with a copy, and nothing else of it running, the session moves with this request, else it stays`;
  if (owner?.state === 'draining')
    return `${server} owns the session${later}; it is draining, and keeps the sessions that it has`;
  return `${server} owns the session${later} and is up`;
}

function failed({ owner }: Findings): string {
  if (owner === null) return 'the server that hashing gave the name to refused the connection';
  return owner.server === null ? 'the owner is no longer in the pool' : `the owner ${owner.server} is ${owner.state}`;
}

function actionOf({ by, pool }: Findings): string {
  return (by?.whenOwnerFails ?? pool?.whenOwnerFails)?.action ?? '';
}

function whenFails(findings: Findings): string {
  const own = findings.by?.whenOwnerFails == null ? '' : ` of ${findings.by.type}`;
  return `whenOwnerFails${own} is ${actionOf(findings)}`;
}

function refusal(findings: Findings): string {
  const { fault, location, pool, recognised } = findings;
  if (location !== null) return `the listener redirects what comes over plain HTTP, to ${location}`;
  if (fault === null) return 'it is a path in probes of the listener: the balancer answers by itself whether it works';
  if (fault.code === balancerFaults.ownerDown.code) return `${failed(findings)} and ${whenFails(findings)}`;
  if (fault.code === balancerFaults.noRoute.code) return 'no route matches host, path, method and extension';
  if (fault.code === balancerFaults.noServer.code) return `no server of the pool ${pool?.name} is usable`;
  if (fault.side === 'client') return 'the request itself is refused, and the connection ends';
  return recognised === null ? fault.text : `${fault.text} (${whenFails(findings)})`;
}

/** Why there is a Set-Cookie of ours, or none. */
export function reasonForClient(findings: Findings, set: boolean): string {
  const { attempts, binding, ended, fault, recognised, session, pool } = findings;
  if (fault !== null) return 'the balancer answers by itself and binds nothing';
  const last = attempts.at(-1);
  if (set) {
    if (recognised === null) return 'a new session: the client is told';
    return session === null || binding?.epoch !== recognised.epoch || binding.owner !== recognised.owner
      ? 'the client is told of its new owner'
      : `the token was dated ${duration((session.seen - recognised.seen) * 1000)} ago, and is dated anew`;
  }
  const binder = pool?.affinity.find(({ type }) => type === session?.affinity?.name);
  if (binder === undefined || last === undefined) return 'nothing is bound';
  const { type: name } = binder;
  if (ended) return `${name} tells the client nothing; to this ${methodOfEnd} a 200 ends the session`;
  const reason = descriptorOf(binder).whyNoCookie?.(binder, pool?.name ?? '', binding?.isBindingDue === true);
  return reason ?? `${name} tells the client nothing`;
}

/** Of an answer that names no session only this one ends it (affinity/header.ts). */
const methodOfEnd = 'DELETE';
