/** What a person may write about how the names of servers are looked up. */
import { z } from 'zod';
import { parseResolver, resolverForm } from './address.ts';
import { defaults } from './defaults.ts';
import { field, map, text, time, whole } from './fields.ts';
import { formatDuration } from './units.ts';

const { resolver } = defaults;

export const resolverSchema = map({
  servers: field(
    z.array(text('DNS server', resolverForm, parseResolver), { error: 'a list of DNS servers' }),
    [...resolver.servers],
    'DNS servers, queried in order. None: those of `/etc/resolv.conf`, and the other sources of the system, such as `/etc/hosts`.',
  ),
  timeout: field(
    time(),
    formatDuration(resolver.timeout),
    'Longest wait for one answer; then the next server is queried.',
  ),
  attempts: field(whole(1, 10), resolver.attempts, 'How many times each of them is queried.'),
  minTtl: field(time(), formatDuration(resolver.minTtl), 'An answer is valid for its TTL, but at least for this long.'),
  maxTtl: field(time(), formatDuration(resolver.maxTtl), 'An answer is valid for its TTL, but at most for this long.'),
  retry: field(
    time(),
    formatDuration(resolver.retry),
    'A name that does not exist, or cannot be looked up, is looked up again after this long.',
  ),
  addressTimeout: field(
    time(),
    formatDuration(resolver.addressTimeout),
    'Of a name with several addresses the next one is tried when one has not accepted the connection after this long; the last one has what is left of `timeouts.connect`.',
  ),
  maxAddresses: field(
    whole(1, 10_000),
    resolver.maxAddresses,
    'Most addresses of one name that are used; the others are counted (`addresses_dropped`).',
  ),
});
