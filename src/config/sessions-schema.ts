/** Schemas of `sessions` (the copies of sessions) and `admin`. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { plainAddress } from '../ip.ts';
import { isStoreAddress, storeForm, storeMeaning } from '../store/addresses.ts';
import { isHostName, listenerForm, parseListener } from './address.ts';
import { defaults } from './defaults.ts';
import { field, map, open, size, text, time, whole, word } from './fields.ts';
import { keyForm, parseKey } from './keys.ts';
import type { AdminOptions, SessionsOptions } from './options.ts';
import { adminTlsSchema } from './tls-schema.ts';
import { formatDuration, formatSize } from './units.ts';

const { sessions, admin } = defaults;

const store = text('store', storeForm, (written) => (isStoreAddress(written) ? written : null));

/** Characters. The secret is the UTF-8 of the text, so that servers in any language get the same bytes. */
export const shortestSecret = 32;
const secretForm = `a text of at least ${shortestSecret} characters (openssl rand -hex 32)`;
const secret = text('text', secretForm, (written) => (written.length >= shortestSecret ? written : null));

/** Before the fleet is known, whose store is that of the copies. */
export type FilledSessions = Omit<SessionsOptions, 'store'> & { readonly store: string | null };

export const sessionsSchema = map({
  store: open(store, `\`${sessions.store}\`; with \`fleet\` its store`, `Where copies are kept: ${storeMeaning}.`),
  replication: field(
    word(['sync', 'async', 'none']),
    sessions.replication,
    'When a client gets a response that changes its session. `sync`: once the copy is stored. `async`: at once, and the copy is stored afterwards. `none`: no copies.',
  ),
  whenStoreFails: field(
    word(['fail', 'degrade']),
    sessions.whenStoreFails,
    'What happens when a copy cannot be stored. `fail`: the client gets 503. `degrade`: it gets the response, marked `Limpet-Degraded: session-store`.',
  ),
  timeout: field(time(), formatDuration(sessions.timeout), 'Longest wait for the store; then it counts as failed.'),
  lag: field(
    whole(1, 1_000_000),
    sessions.lag,
    'With `async`: most copies of one worker that may be on their way to the store; beyond it responses wait as with `sync`.',
  ),
  secret: open(
    secret,
    'generated, for servers of this user',
    `Shared with the servers: signs the session headers that are sent to them, and is required at the store interface; ${secretForm}. Take it from the environment. Without it one is generated, in a file that servers of the same user on this machine read by themselves; other servers need it.`,
  ),
  listen: open(
    text('address', listenerForm, parseListener),
    '`store.sock` in `stateDir`; with `secret` 127.0.0.1:0',
    'Where servers reach the store interface. Unless it is on loopback or a unix-domain socket it needs `secret`.',
  ),
  stateBytes: field(size(64, 64 * 1024 ** 2), formatSize(sessions.stateBytes), 'Largest state of one session.'),
  endings: field(
    whole(1, 10_000_000),
    sessions.endings,
    'Most ended sessions that wait to be removed from a store that is not available; they are kept in `stateDir`, and cannot be used meanwhile. To end one more is refused with 503, and that session goes on.',
  ),
  tombstone: field(
    time(),
    formatDuration(sessions.tombstone),
    'An ended session cannot come back for this long, whatever still arrives of it: longer than any request takes.',
  ),
  encrypt: open(
    text('key', keyForm, parseKey),
    '`lmdb`: a generated key, `store.key` in `stateDir`; others: off',
    'Encrypts the copies at rest (AES-256-GCM) with this key. Take it from the environment. With `redis` all balancers need the same.',
  ),
}).transform(
  ({ secret = '', encrypt, listen, store, ...rest }): FilledSessions => ({
    store: store ?? null,
    ...rest,
    secret,
    // A secret in the config means servers that cannot open a socket file of this user.
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
    `Required as \`Authorization: Bearer TOKEN\`, on a unix-domain socket too; ${secretForm}. The command takes it from \`LIMPET_ADMIN_TOKEN\`.`,
  ),
  readToken: open(
    secret,
    'none',
    `A second token, for dashboards and monitoring: what changes something is refused with 403; ${secretForm}, another one than \`token\`.`,
  ),
  hosts: field(
    z.array(hostName, { error: 'a list of host names' }),
    [...admin.hosts],
    'Host names under which the admin listener accepts requests on TCP, beside `localhost` and its address. A request with another `Host` is refused with 421: a web page could have sent it by a host name of its own (DNS rebinding). Commands that read this config expect the first of them in the certificate.',
  ),
  tls: open(
    adminTlsSchema,
    'none: plain HTTP',
    'HTTPS, with this certificate, on a TCP address. Files that change are read again, without effect on open connections.',
  ),
}).transform(
  ({ listen = admin.listen, token, readToken, hosts, tls = null }): AdminOptions => ({
    listen: listen === 'off' ? null : listen,
    token: token ?? '',
    readToken: readToken ?? '',
    hosts,
    tls,
  }),
);
