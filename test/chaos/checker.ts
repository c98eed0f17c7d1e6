/**
 * Judges the history of one session. The cart is a list to which every add appends an id of its own, so an answer shows
 * the exact order of all changes before it (as list-append of Elle does: Kingsbury and Alvaro, "Elle", VLDB 2020). With the
 * real time of each operation that decides whether the session behaved as one object on one server: linearisable. Where it
 * lived is judged by what was wrong with its servers meanwhile.
 */
import type { History, Operation, Seen } from './history.ts';
import { type CutOff, calm, type Records, type Trouble } from './journal.ts';

export const rules = [
  'of another session',
  'of another request',
  'lost session',
  'forked',
  'went back',
  'lost write',
  'written twice',
  'never written',
  'wrong count',
  'wrong size',
  'not undone',
  'epoch went back',
  'two owners',
  'moved for nothing',
  'not at home',
  'revived',
  'unreachable',
  'ejected while healthy',
  'process ended',
] as const;

export interface Violation {
  readonly what: (typeof rules)[number];
  /** Whose session; '' none. */
  readonly user: string;
  readonly text: string;
}

export type Acknowledged = Operation & { readonly seen: Seen };
export type Report = (what: Violation['what'], at: Operation, text: string) => void;

export function judge({ user, operations }: History, records: Records = calm): Violation[] {
  const found: Violation[] = [];
  const report: Report = (what, at, text) =>
    void found.push({ what, user, text: `${at.id} (${at.kind}, ${timeOf(at)}): ${text}` });
  const known = operations.filter((one): one is Acknowledged => one.seen !== null);
  const own = known.filter(({ isGhost }) => !isGhost);
  const lives = own.filter(({ seen }) => seen.user !== '');

  for (const one of known) {
    const { seen } = one;
    if (seen.user !== '' && seen.user !== user) report('of another session', one, `it is of ${seen.user}`);
    const foreign = seen.cart.find((id) => !id.startsWith(`${user}.`));
    if (foreign !== undefined) report('of another session', one, `its cart holds ${foreign}`);
    if (seen.echo !== one.id) report('of another request', one, `it answers ${seen.echo}`);
    if (one.isGhost && seen.user !== '' && !mayNotKnow(one, operations, records))
      report('revived', one, 'its id had been dead, and shows a session');
  }

  // Whoever finds nothing needs a reason: an end, or a change of ids whose answer did not come, or was on its way still.
  const ends = operations.filter(({ kind, isGhost }) => !isGhost && (kind === 'sign-out' || kind === 'rotate'));
  const mayEnd = (one: Operation) => one.kind === 'sign-out' || one.seen === null;
  for (const one of own) {
    if (one.seen.user !== '') continue;
    if (ends.some((end) => end !== one && !mayEnd(end) && end.start < one.end && end.end > one.start)) continue;
    if (!ends.some((end) => mayEnd(end) && end.start < one.end))
      report('lost session', one, 'it shows an empty session');
    const later = lives.find(({ start }) => start > one.end);
    if (later !== undefined) report('revived', later, `${one.id} had found the session ended`);
  }
  for (const end of own) {
    if (end.kind !== 'sign-out') continue;
    const later = lives.find(({ start }) => start > end.end);
    if (later !== undefined) report('revived', later, `${end.id} had ended the session`);
  }

  judgeOrder(lives, report);
  judgeWrites(user, operations, lives, report);
  judgeSizes(operations, lives, report);
  judgeOwners(lives, report);
  judgeMoves(lives, records, report);
  judgeOutages(own, records, report);
  return firsts(found);
}

/** A balancer that reaches its store again has read what it missed by then (ms). */
const caughtUp = 2000;
/** The time of one message to the other balancers on a busy machine (ms). */
const messageTime = 250;

/**
 * It reads, and its balancer of a fleet may not have been told that the session is over (docs/guide/fleet.md): it was cut off, or the message
 * was on its way. A change is never excused.
 */
function mayNotKnow(
  { kind, node, start, end }: Operation,
  operations: readonly Operation[],
  { cutOffs }: Records,
): boolean {
  if (kind !== 'read' || node === '') return false;
  const isOf = (one: CutOff) => one.node === node || one.node === '*';
  if (cutOffs.some((one) => isOf(one) && one.from < end && one.to > start - caughtUp)) return true;
  return operations.some(
    (one) => one.kind === 'sign-out' && one.seen !== null && Math.abs(start - one.end) < messageTime,
  );
}

/** Of each rule the first one: the others are mostly the same once more. */
function firsts(found: readonly Violation[]): Violation[] {
  const first = new Map<Violation['what'], Violation>();
  for (const one of found) if (!first.has(one.what)) first.set(one.what, one);
  return [...first.values()];
}

/** All answers are of one line of changes. */
function judgeOrder(lives: readonly Acknowledged[], report: Report): void {
  const bySize = lives.toSorted((a, b) => a.seen.cart.length - b.seen.cart.length);
  for (const [n, one] of bySize.entries()) {
    const before = bySize[n - 1];
    const differs = before?.seen.cart.findIndex((id, at) => one.seen.cart[at] !== id) ?? -1;
    if (differs < 0) continue;
    const [theirs, ours] = [before!.seen.cart[differs], one.seen.cart[differs]];
    report('forked', one, `thing ${differs + 1} is ${ours}, and ${theirs} for ${before!.id} (${timeOf(before!)})`);
  }
  for (const [first, second] of inOrder(lives)) {
    const [before, after] = [first.seen, second.seen];
    if (after.cart.length < before.cart.length) {
      report('went back', second, `${after.cart.length} things, ${before.cart.length} for ${first.id} before`);
    }
    if (after.count < before.count)
      report('went back', second, `count ${after.count}, ${before.count} for ${first.id}`);
    if (after.epoch < before.epoch)
      report('epoch went back', second, `${after.epoch}, ${before.epoch} for ${first.id}`);
  }
}

/** What was written is there once, and nothing else is. */
function judgeWrites(
  user: string,
  operations: readonly Operation[],
  lives: readonly Acknowledged[],
  report: Report,
): void {
  const adds = new Map(operations.filter(({ kind }) => kind === 'add').map((one) => [one.id, one]));
  // One with nothing else under way: what runs beside it shares its live object, and may have kept it.
  const thrown = operations.filter(
    (one) => one.kind === 'throw' && !operations.some((other) => other !== one && mayOverlap(one, other)),
  );
  const counts = operations.filter(({ kind, isGhost }) => kind === 'count' && !isGhost);
  for (const one of lives) {
    const { cart, count } = one.seen;
    if (one.kind === 'add' && !cart.includes(one.id)) report('lost write', one, 'its own answer does not show it');
    if (new Set(cart).size < cart.length) report('written twice', one, `its cart is ${cart.join(' ')}`);
    const undone = thrown.find(({ id }) => cart.includes(id));
    if (undone !== undefined) report('not undone', one, `its cart holds ${undone.id}, whose handler threw`);
    const early = cart.find((id) => (adds.get(id)?.start ?? Number.POSITIVE_INFINITY) > one.end);
    const isThrown = operations.some(({ id, kind }) => id === early && kind === 'throw');
    if (early?.startsWith(`${user}.`) && !isThrown) report('never written', one, `its cart holds ${early}`);
    const earlier = counts.filter(({ seen, end }) => seen !== null && end < one.start).length;
    const least = earlier + (one.kind === 'count' ? 1 : 0);
    const most = counts.filter(({ start }) => start < one.end).length;
    if (count < least || count > most) report('wrong count', one, `${count} where ${least} to ${most} were counted`);
  }
}

/** The size is a register: each answer shows what some fill has written, and none that was replaced before it began. */
function judgeSizes(operations: readonly Operation[], lives: readonly Acknowledged[], report: Report): void {
  const fills = operations.filter(({ kind, isGhost }) => kind === 'fill' && !isGhost);
  const refused = operations.filter(({ kind }) => kind === 'overfill');
  for (const one of lives) {
    const { size } = one.seen;
    if (refused.some((fill) => fill.size === size)) {
      report('not undone', one, `its size is ${size}, which was refused`);
      continue;
    }
    const by = fills.find((fill) => fill.size === size && fill.start < one.end);
    if (by === undefined && size !== 0) {
      report('wrong size', one, `${size}, which nobody had written`);
      continue;
    }
    const later = fills.find(
      (fill) => fill !== by && fill.seen !== null && fill.end < one.start && fill.start > (by?.end ?? -1),
    );
    // One whose answer did not come may have happened at any time since.
    if (later !== undefined && (by === undefined || by.seen !== null)) {
      report('wrong size', one, `${size}, but ${later.id} had made it ${later.size} (${timeOf(later)})`);
    }
  }
}

/** I2: an epoch has one owner. */
function judgeOwners(lives: readonly Acknowledged[], report: Report): void {
  const owners = new Map<number, Acknowledged>();
  for (const one of lives) {
    const { epoch, server } = one.seen;
    const first = owners.get(epoch);
    if (first === undefined) owners.set(epoch, one);
    else if (first.seen.server !== server)
      report('two owners', one, `epoch ${epoch} was ${first.seen.server}'s, by ${first.id} (${timeOf(first)})`);
  }
}

/** After its trouble is over a server may be out for so long (ms): time-outs, what was held, checks, an ejection. */
const aftermath = 4000;

/** I1: a session leaves a server that nothing is wrong with only when it is moved by a drain or a rebalance. */
function judgeMoves(lives: readonly Acknowledged[], { troubles, notUp }: Records, report: Report): void {
  for (const after of lives) {
    if (after.seen.reason === 'move') continue;
    const before = highest(
      lives.filter(({ end }) => end < after.start),
      ({ epoch }) => epoch,
    );
    if (before === undefined || before.seen.server === after.seen.server) continue;
    if (after.seen.epoch <= before.seen.epoch) continue;
    const excused = (one: Trouble) =>
      (one.server === before.seen.server || one.server === '*') &&
      one.from < after.end &&
      one.to > before.start - aftermath;
    if (troubles.some(excused) || notUp.some(excused)) continue;
    report('moved for nothing', after, `nothing was wrong with ${before.seen.server}, its owner (${timeOf(before)})`);
  }
}

/** I10: an outage in which nobody accepted leaves every session at home. */
function judgeOutages(own: readonly Acknowledged[], { outages, troubles, cutOffs }: Records, report: Report): void {
  for (const { from, to } of outages) {
    const before = own.findLast(({ end }) => end <= from);
    const after = own.find(({ start }) => start >= to);
    if (before === undefined || after === undefined || after.seen.reason === 'move') continue;
    if (before.seen.user === '' || after.seen.user === '' || before.seen.server === after.seen.server) continue;
    if (own.some((one) => one.start < to && one.end > from)) continue;
    // It may have been at home, and was not answered before the next fault took it away.
    const { server } = before.seen;
    const isNext = (one: Trouble) => one.from >= to && one.from < after.end;
    if (troubles.some((one) => isNext(one) && (one.server === server || one.server === '*'))) continue;
    // A balancer that could not tell the store where the session returns to has had to leave it where it was.
    if (cutOffs.some((one) => one.from < after.end && one.to > from - aftermath)) continue;
    const lasted = `${from.toFixed(0)} to ${to.toFixed(0)} ms`;
    report('not at home', after, `before the outage (${lasted}) it was ${before.id}: ${timeOf(before)}`);
  }
}

/** What is no session's: I12, a server of which nothing is known but good is not ejected; and no process ends by itself. */
export function judgeBalancer({ troubles, ejections, ends }: Records): Violation[] {
  const found: Violation[] = [];
  const report = (what: Violation['what'], at: number, text: string) =>
    void found.push({ what, user: '', text: `${at.toFixed(0)} ms: ${text}` });
  for (const { server, at, reason } of ejections) {
    const excused = troubles.some(
      (one) => (one.server === server || one.server === '*') && one.from < at && one.to > at - aftermath,
    );
    if (!excused) report('ejected while healthy', at, `${server}: ${reason}`);
  }
  for (const { at, how } of ends) report('process ended', at, how);
  return found;
}

/** For each operation the one that showed most among those that were over when it began: what it must not fall behind. */
function* inOrder(lives: readonly Acknowledged[]): Generator<[Acknowledged, Acknowledged]> {
  for (const second of lives) {
    const before = lives.filter(({ end }) => end < second.start);
    for (const most of [
      highest(before, ({ cart }) => cart.length),
      highest(before, ({ count }) => count),
      highest(before, ({ epoch }) => epoch),
    ]) {
      if (most !== undefined) yield [most, second];
    }
  }
}

/** A server that was stopped, or a connection that was held, may do for so long (ms) what its client has given up. */
const givenUp = 10_000;

/** At the server: what the app has not answered may run there still. */
function mayOverlap(one: Operation, other: Operation): boolean {
  return one.start < lastOf(other) && lastOf(one) > other.start;
}

function lastOf({ end, seen, why }: Operation): number {
  const isAnswered = seen !== null || /^(?:500|503 session)/.test(why);
  return isAnswered ? end : end + givenUp;
}

function highest(all: readonly Acknowledged[], of: (seen: Seen) => number): Acknowledged | undefined {
  let most: Acknowledged | undefined;
  for (const one of all) if (most === undefined || of(one.seen) > of(most.seen)) most = one;
  return most;
}

/** All that is known of it, on one line. */
export function describe(one: Operation): string {
  const { id, kind, isGhost, node, seen, why } = one;
  const told =
    seen === null ? why : `${seen.reason} "${seen.user}" ${seen.count} ${seen.size} [${seen.cart.join(' ')}]`;
  const size = one.size > 0 ? ` ${one.size}` : '';
  const by = node === '' ? '' : ` by ${node}`;
  return `${id} ${isGhost ? 'ghost ' : ''}${kind}${size}${by}, ${timeOf(one)}: ${told}`;
}

function timeOf({ start, end, seen }: Operation): string {
  const where = seen === null ? '' : ` at ${seen.server}, epoch ${seen.epoch}`;
  return `${start.toFixed(0)} to ${end.toFixed(0)} ms${where}`;
}
