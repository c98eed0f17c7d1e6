/** The list of all policies. Messages name them in this order. */
import { leastRequests } from './least-requests.ts';
import { maglev } from './maglev.ts';
import { random } from './random.ts';
import { rendezvous } from './rendezvous.ts';
import { roundRobin } from './round-robin.ts';
import { twoChoices } from './two-choices.ts';

export const policies = [roundRobin, leastRequests, twoChoices, random, rendezvous, maglev] as const;
