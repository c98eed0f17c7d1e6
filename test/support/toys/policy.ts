/** A policy that Limpet does not have: the last server that will do. See affinity.ts beside it. */
import type { Policy, PolicyDescriptor } from '../../../src/balance/policy.ts';

export const toy = {
  name: 'last',
  byKey: true,
  create: (): Policy => ({
    name: 'last',
    select: ({ up }, _key, accept) => up.findLast((server) => accept(server)),
  }),
} as const satisfies PolicyDescriptor;
