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
    'DNS servers, asked in order. None: those of `/etc/resolv.conf`, and what else the system knows names by.',
  ),
  timeout: field(time(), formatDuration(resolver.timeout), 'For one answer; then the next of them is asked.'),
  attempts: field(whole(1, 10), resolver.attempts, 'Times that each of them is asked.'),
  minTtl: field(time(), formatDuration(resolver.minTtl), 'An answer counts for its TTL, and at least for this long.'),
  maxTtl: field(time(), formatDuration(resolver.maxTtl), 'The same, and at most for this long.'),
  retry: field(
    time(),
    formatDuration(resolver.retry),
    'A name that does not exist, or cannot be looked up, is asked for again after this long.',
  ),
  addressTimeout: field(
    time(),
    formatDuration(resolver.addressTimeout),
    'Of a name with several addresses one that has not accepted the connection after this long gives way to the next; the last one has what is left of `timeouts.connect`.',
  ),
  maxAddresses: field(
    whole(1, 10_000),
    resolver.maxAddresses,
    'Addresses of one name that count (counter `addresses_dropped`).',
  ),
});
