/** Schema of `fleet`: several balancers that serve the same pools side by side. */
import type { z } from 'zod';
import { isSharedAddress, sharedForms } from '../store/addresses.ts';
import { defaults } from './defaults.ts';
import { field, map, open, text, time, whole, word } from './fields.ts';
import type { FleetOptions } from './options.ts';
import { formatDuration } from './units.ts';

const { fleet } = defaults;

const store = text('store', sharedForms.join(' or '), (written) => (isSharedAddress(written) ? written : null));
const nodeNameForm = 'a name of 1 to 64 letters, digits, dots, hyphens or underscores';
const nodeName = text('name', nodeNameForm, (written) => (/^[\w.-]{1,64}$/.test(written) ? written : null));

export const fleetSchema = map({
  store: store.meta({
    description:
      'A Redis or Valkey that all balancers of the fleet use: it decides who owns a session, and tells each balancer what the others did. Copies of sessions are kept there, too.',
  }),
  name: open(
    nodeName,
    'the host name and the first digits of the id of the node',
    'Name of this balancer, for people; each balancer needs another one.',
  ),
  whenStoreLost: field(
    word(['keep', 'reject']),
    fleet.whenStoreLost,
    'While the store does not answer, a session stays with the owner that token and table name. `keep`: when that owner fails, another server stands in, and the session returns to it. `reject`: 503 (`session-store`).',
  ),
  timeout: field(time(), formatDuration(fleet.timeout), 'Longest wait for the store; then it counts as failed.'),
  lease: field(
    time(3_600_000),
    formatDuration(fleet.lease),
    'A balancer that has not renewed its lease in the store for this long counts as gone.',
  ),
  newKeys: field(
    whole(1, 1_000_000),
    fleet.newKeys,
    'Most owners of names that clients chose (headers, paths, addresses) that one worker records in the store in a second. Beyond it a new name has the server that hashing gives it, which is the same at all balancers with the same servers up, and is recorded with a later request.',
  ),
  history: field(
    whole(1000, 10_000_000),
    fleet.history,
    'Most moves and ends of sessions of each pool that the store keeps for balancers that were away. One that has missed more asks the store about each session once.',
  ),
  limits: field(
    word(['node', 'fleet']),
    fleet.limits,
    'What `maxRequests` of a server means. `node`: so many from each balancer. `fleet`: so many from all together; each balancer uses its equal share, at least 1.',
  ),
}).transform(({ name, ...rest }): FleetOptions => ({ ...rest, name: name ?? '' }));

export type FilledFleet = z.output<typeof fleetSchema>;
