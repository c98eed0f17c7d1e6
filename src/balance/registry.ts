/** Finds a policy by its name. */
import { policies } from './index.ts';
import type { Policy, PolicyDescriptor, PolicyOptions } from './policy.ts';

export type PolicyName = (typeof policies)[number]['name'];

export const policyNames: readonly PolicyName[] = policies.map(({ name }) => name);

const byName = new Map<string, PolicyDescriptor>(policies.map((descriptor) => [descriptor.name, descriptor]));

/** Creates the policy of one pool. */
export function createPolicy(name: string, options: PolicyOptions): Policy {
  return descriptorOf(name).create(options);
}

/** See `PolicyDescriptor.byKey`. */
export function isByKey(name: string): boolean {
  return descriptorOf(name).byKey === true;
}

function descriptorOf(name: string): PolicyDescriptor {
  const found = byName.get(name);
  // The schema of a config accepts no other name.
  if (found === undefined) throw new RangeError(`there is no policy ${name}`);
  return found;
}
