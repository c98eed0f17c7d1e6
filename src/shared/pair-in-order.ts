/**
 * For each of `all` its counterpart among `others`; undefined: it has none. Each of `others` is the counterpart of one at most: of several that
 * are alike, such as two listeners on any free port, the first belongs to the first.
 */
export function pairInOrder<A, B>(
  all: readonly A[],
  others: readonly B[],
  isSame: (one: A, other: B) => boolean,
): readonly (B | undefined)[] {
  const left = [...others];
  return all.map((one) => {
    const at = left.findIndex((other) => isSame(one, other));
    return at < 0 ? undefined : left.splice(at, 1)[0];
  });
}
