/** The policies by name: one line each. */
import type { BalanceName } from '../config/options.ts';
import { LeastRequests } from './least-requests.ts';
import { Maglev } from './maglev.ts';
import type { Policy, PolicyOptions } from './policy.ts';
import { Random } from './random.ts';
import { Rendezvous } from './rendezvous.ts';
import { RoundRobin } from './round-robin.ts';
import { TwoChoices } from './two-choices.ts';

const makers: Readonly<Record<BalanceName, (options: PolicyOptions) => Policy>> = {
  'round-robin': (options) => new RoundRobin(options),
  'least-requests': (options) => new LeastRequests(options),
  'two-choices': (options) => new TwoChoices(options),
  random: (options) => new Random(options),
  rendezvous: () => new Rendezvous(),
  maglev: () => new Maglev(),
};

/** A policy with a state of its own: make one for each pool. */
export function createPolicy(name: BalanceName, options: PolicyOptions): Policy {
  return makers[name](options);
}
