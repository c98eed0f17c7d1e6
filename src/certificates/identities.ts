/** Which certificates are shown for which names. Several with one name differ in their kind of key, and stand side by side. */
import type { ServerIdentity } from '../net/tls.ts';
import type { LoadedPair } from './pair.ts';

/** A name that two certificates with the same kind of key have: positions in the list. */
export interface Overlap {
  readonly name: string;
  readonly first: number;
  readonly second: number;
}

/** At most one for each certificate, the second one. */
export function findOverlaps(loaded: readonly LoadedPair[]): Overlap[] {
  const owners = new Map<string, number>();
  const found: Overlap[] = [];
  for (const [second, { names, keyKind }] of loaded.entries()) {
    const taken = names.find((name) => owners.has(`${keyKind} ${name}`));
    if (taken !== undefined) found.push({ name: taken, first: owners.get(`${keyKind} ${taken}`) ?? 0, second });
    for (const name of names) owners.set(`${keyKind} ${name}`, owners.get(`${keyKind} ${name}`) ?? second);
  }
  return found;
}

/** The first identity is that of the first certificate, with all kinds of keys that one of its names has. */
export function identitiesOf(loaded: readonly LoadedPair[]): ServerIdentity[] {
  const byName = new Map<string, number[]>();
  const groups = new Map<string, { readonly members: readonly number[]; readonly names: string[] }>();
  const join = (members: readonly number[], names: readonly string[]): void => {
    const key = members.join();
    const group = groups.get(key) ?? { members, names: [] };
    group.names.push(...names);
    groups.set(key, group);
  };
  for (const [index, { names }] of loaded.entries()) {
    if (names.length === 0) join([index], []);
    for (const name of names) byName.set(name, [...(byName.get(name) ?? []), index]);
  }
  for (const [name, members] of byName) join(members, [name]);
  return [...groups.values()]
    .sort((a, b) => a.members[0]! - b.members[0]! || b.members.length - a.members.length)
    .map(({ members, names }) => ({ names, pairs: members.map((index) => loaded[index]!.pair) }));
}
