/**
 * Judges the history of one session. The cart is a list to which every add appends an id of its own, so an answer shows
 * the exact order of all changes before it (as list-append of Elle does: Kingsbury and Alvaro, "Elle", VLDB 2020). With the
 * real time of each operation that decides whether the session behaved as one object on one server: linearisable.
 */
import type { History, Operation, Seen } from './history.ts';

export interface Violation {
  readonly what:
    | 'of another session'
    | 'lost session'
    | 'forked'
    | 'went back'
    | 'lost write'
    | 'written twice'
    | 'never written'
    | 'wrong count'
    | 'epoch went back'
    | 'revived'
    | 'unreachable';
  readonly user: string;
  readonly text: string;
}

type Acknowledged = Operation & { readonly seen: Seen };

export function judge({ user, operations }: History): Violation[] {
  const found: Violation[] = [];
  const report = (what: Violation['what'], at: Operation, text: string) =>
    void found.push({ what, user, text: `${at.id} (${at.kind}, ${timeOf(at)}): ${text}` });
  const known = operations.filter((one): one is Acknowledged => one.seen !== null);
  const own = known.filter(({ isGhost }) => !isGhost);
  const lives = own.filter(({ seen }) => seen.user !== '');

  for (const one of known) {
    const { seen } = one;
    if (seen.user !== '' && seen.user !== user) report('of another session', one, `it is of ${seen.user}`);
    const foreign = seen.cart.find((id) => !id.startsWith(`${user}.`));
    if (foreign !== undefined) report('of another session', one, `its cart holds ${foreign}`);
    if (one.isGhost && seen.user !== '') report('revived', one, 'its id had been dead, and shows a session');
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

  const adds = new Map(operations.filter(({ kind }) => kind === 'add').map((one) => [one.id, one]));
  const counts = operations.filter(({ kind, isGhost }) => kind === 'count' && !isGhost);
  for (const one of lives) {
    const { cart, count } = one.seen;
    if (one.kind === 'add' && !cart.includes(one.id)) report('lost write', one, 'its own answer does not show it');
    if (new Set(cart).size < cart.length) report('written twice', one, `its cart is ${cart.join(' ')}`);
    const early = cart.find((id) => (adds.get(id)?.start ?? Number.POSITIVE_INFINITY) > one.end);
    if (early?.startsWith(`${user}.`)) report('never written', one, `its cart holds ${early}`);
    const earlier = counts.filter(({ seen, end }) => seen !== null && end < one.start).length;
    const least = earlier + (one.kind === 'count' ? 1 : 0);
    const most = counts.filter(({ start }) => start < one.end).length;
    if (count < least || count > most) report('wrong count', one, `${count} where ${least} to ${most} were counted`);
  }
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

function highest(all: readonly Acknowledged[], of: (seen: Seen) => number): Acknowledged | undefined {
  let most: Acknowledged | undefined;
  for (const one of all) if (most === undefined || of(one.seen) > of(most.seen)) most = one;
  return most;
}

/** All that is known of it, on one line. */
export function describe(one: Operation): string {
  const { id, kind, isGhost, seen, why } = one;
  const told = seen === null ? why : `"${seen.user}" ${seen.count} [${seen.cart.join(' ')}]`;
  return `${id} ${isGhost ? 'ghost ' : ''}${kind}, ${timeOf(one)}: ${told}`;
}

function timeOf({ start, end, seen }: Operation): string {
  const where = seen === null ? '' : ` at ${seen.server}, epoch ${seen.epoch}`;
  return `${start.toFixed(0)} to ${end.toFixed(0)} ms${where}`;
}
