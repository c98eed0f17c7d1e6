/** Finds the descriptor of an affinity by its type. */
import type { AffinityOptions } from '../config/options.ts';
import type { Affinity } from './affinity.ts';
import type { AffinityDependencies, AffinityDescriptor } from './descriptor.ts';
import { affinities } from './index.ts';

/** Each descriptor gets only options that its own schema has made. */
const known: readonly AffinityDescriptor<AffinityOptions>[] = affinities;
const byType = new Map(known.map((descriptor) => [descriptor.type, descriptor]));

export { known as descriptors };

export function descriptorOf({ type }: AffinityOptions): AffinityDescriptor<AffinityOptions> {
  const found = byType.get(type);
  // The schema of a config accepts no other type.
  if (found === undefined) throw new RangeError(`there is no affinity ${type}`);
  return found;
}

export function createAffinity(options: AffinityOptions, dependencies: AffinityDependencies): Affinity {
  return descriptorOf(options).create(options, dependencies);
}
