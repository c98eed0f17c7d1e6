/** What a person may write about the copies of sessions and about the admin listener, and how it becomes the filled options. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { plainAddress } from '../ip.ts';
import { isStoreAddress, storeForm, storeMeaning } from '../store/addresses.ts';
import { isHostName, listenerForm, parseListener } from './address.ts';
import { defaults } from './defaults.ts';
import { field, map, open, size, text, time, whole, word } from './fields.ts';
import { keyForm, parseKey } from './keys.ts';
import type { AdminOptions, SessionsOptions } from './options.ts';
import { formatDuration, formatSize } from './units.ts';

const { sessions, admin } = defaults;

const store = text('store', storeForm, (written) => (isStoreAddress(written) ? written : null));

/** Taken as it stands, in UTF-8: servers in any language have to read it alike. */
export const shortestSecret = 32;
const secretForm = `a text of at least ${shortestSecret} characters (openssl rand -hex 32)`;
const secret = text('text', secretForm, (written) => (written.length >= shortestSecret ? written : null));

export const sessionsSchema = map({
  store: field(store, sessions.store, `Where copies are kept: ${storeMeaning}.`),
  replication: field(
    word(['sync', 'async', 'none']),
    sessions.replication,
    '`sync`: the client hears of a change once its copy is safe. `async`: at once, the copy follows. `none`: no copies.',
  ),
  whenStoreFails: field(
    word(['fail', 'degrade']),
    sessions.whenStoreFails,
    'A copy cannot be kept: `fail` answers 503, `degrade` lets the answer pass, marked `Limpet-Degraded: session-store`.',
  ),
  timeout: field(time(), formatDuration(sessions.timeout), 'Longest wait for the store; after it, it has failed.'),
  lag: field(
    whole(1, 1_000_000),
    sessions.lag,
    'With `async`: copies of one worker that may be under way; beyond it answers wait as with `sync`.',
  ),
  secret: open(
    secret,
    'made, for servers of this user',
    `Shared with the servers: signs what they are told of sessions, and opens the store interface to them; ${secretForm}. Take it from the environment. None: one is made, in a file that servers of the same user on this machine read by themselves; others need it.`,
  ),
  listen: open(
    text('address', listenerForm, parseListener),
    '`store.sock` in `stateDir`; with `secret` 127.0.0.1:0',
    'Where servers reach the store interface. Other than on loopback or a unix-domain socket it needs `secret`.',
  ),
  stateBytes: field(size(64, 64 * 1024 ** 2), formatSize(sessions.stateBytes), 'Largest state of a session.'),
  endings: field(
    whole(1, 10_000_000),
    sessions.endings,
    'Ended sessions that may wait until the store can be told; they are kept in `stateDir`, and nobody can use them meanwhile. One more is refused with 503, and lives on.',
  ),
  tombstone: field(
    time(),
    formatDuration(sessions.tombstone),
    'An ended session stays dead for this long, whatever still arrives of it: longer than any request takes.',
  ),
  encrypt: open(
    text('key', keyForm, parseKey),
    '`lmdb`: a key that is made, `store.key` in `stateDir`; others: off',
    'Encrypts the copies at rest (AES-256-GCM) with this key. Take it from the environment. With `redis` all balancers need the same.',
  ),
}).transform(
  ({ secret = '', encrypt, listen, ...rest }): SessionsOptions => ({
    ...rest,
    secret,
    // Who shares a secret by hand has servers that may not reach a socket of this user.
    listen: listen ?? (secret === '' ? 'state' : sessions.listen),
    encrypt: encrypt ?? null,
  }),
);

const hostName = text('host', 'a host name without port, such as admin.example.org', (written) =>
  isHostName(written) || isIP(written) > 0 ? plainAddress(written).toLowerCase() : null,
);

export const adminSchema = map({
  listen: open(
    z.union([z.literal('off'), text('address', listenerForm, parseListener)], { error: `${listenerForm}, or off` }),
    '`admin.sock` in `stateDir`',
    'Where `limpet drain`, `ready` and `sessions` reach the balancer. On TCP it needs `token`. `off`: nowhere.',
  ),
  token: open(
    secret,
    'none',
    `Asked for with \`Authorization: Bearer TOKEN\`; ${secretForm}. The command takes it from \`LIMPET_ADMIN_TOKEN\`.`,
  ),
  hosts: field(
    z.array(hostName, { error: 'a list of host names' }),
    [...admin.hosts],
    'Names of this machine under which it is asked on TCP, beside `localhost` and its address: a request with another `Host` is refused with 421, as one that a web page has sent by a name of its own.',
  ),
}).transform(
  ({ listen = admin.listen, token, hosts }): AdminOptions => ({
    listen: listen === 'off' ? null : listen,
    token: token ?? '',
    hosts,
  }),
);
