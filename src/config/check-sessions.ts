/** Checks `sessions` and `admin` together with the rest of the config. */
import { descriptorOf } from '../affinity/registry.ts';
import { type Address, formatAddress } from '../net/socket.ts';
import type { AdminOptions, LimpetOptions, PoolOptions } from './options.ts';
import { error, type Problem, warning } from './problem.ts';

export function checkSessions({ pools, sessions, fleet, admin }: LimpetOptions): Problem[] {
  const found: Problem[] = [];
  if (fleet !== null && sessions !== null && sessions.store !== fleet.store) {
    const text = `found another store than fleet.store, expected the same, or nothing: a copy that one balancer alone has is lost with it`;
    found.push(error(['sessions', 'store'], text));
  }
  if (sessions !== null && sessions.secret === '' && sessions.listen !== 'state' && !isLocal(sessions.listen)) {
    const text = `${formatAddress(sessions.listen)} is not on loopback: expected sessions.secret, or 127.0.0.1, [::1] or unix:`;
    found.push(error(['sessions', 'listen'], text));
  }
  if (sessions?.replication === 'none' && sessions.store !== 'memory') {
    found.push(warning(['sessions', 'store'], 'never written to: replication is none'));
  }
  if (isTcp(admin.listen) && admin.token === '') {
    const text = `${formatAddress(admin.listen)} can be reached by every program of this machine: expected admin.token (openssl rand -hex 32), or unix:`;
    found.push(error(['admin', 'listen'], text));
  }
  found.push(...checkAdminTls(admin));
  if (admin.readToken !== '' && admin.token === '' && !isTcp(admin.listen))
    found.push(
      warning(
        ['admin', 'readToken'],
        'never asked for: without admin.token, who can open the socket may do everything',
      ),
    );
  if (admin.readToken !== '' && admin.readToken === admin.token)
    found.push(error(['admin', 'readToken'], 'found the same as admin.token, expected another one: it may only read'));
  for (const pool of pools) {
    found.push(...checkPoolSessions(pool, sessions !== null));
    if (sessions?.secret === '') found.push(...checkShared(pool));
  }
  return found;
}

function isTcp(listen: AdminOptions['listen']): listen is Extract<Address, { kind: 'tcp' }> {
  return listen !== null && listen !== 'state' && listen.kind === 'tcp';
}

function checkAdminTls({ listen, token, tls }: AdminOptions): Problem[] {
  const address = isTcp(listen) ? listen : null;
  if (tls !== null && address === null)
    return [error(['admin', 'tls'], 'found a certificate, expected admin.listen with a TCP address such as :9000')];
  if (tls !== null || token === '' || address === null || isLocal(address)) return [];
  const text = `${formatAddress(address)} is not on loopback: without admin.tls, who is on the way reads the token and may use it`;
  return [warning(['admin', 'listen'], text)];
}

function checkPoolSessions({ name, sessions, affinity, rebalance }: PoolOptions, kept: boolean): Problem[] {
  const path = ['pools', name];
  const found: Problem[] = [];
  if (sessions && !kept) {
    return [error([...path, 'sessions'], 'found true, expected a top-level sessions: { store: memory }')];
  }
  if (!sessions) {
    if (rebalance.skew > 0) {
      found.push(error([...path, 'rebalance', 'skew'], 'expected off: without sessions nothing can move'));
    }
    return found;
  }
  if (!affinity.some((one) => descriptorOf(one).hasIds))
    found.push(warning([...path, 'sessions'], 'no affinity of this pool names sessions: nothing is copied'));
  return found;
}

/** Servers on other machines cannot read the secret that is generated on this one. */
function checkShared({ name, sessions, servers }: PoolOptions): Problem[] {
  if (!sessions) return [];
  return servers.flatMap(({ address }, index) => {
    if (isLocal(address)) return [];
    const text = `${formatAddress(address)} is not on loopback: expected sessions.secret, given to the server too, or it believes nothing it is told`;
    return [warning(['pools', name, 'servers', index, 'address'], text)];
  });
}

/** True for an address to which no other machine can connect. */
export function isLocal(address: Address): boolean {
  return (
    address.kind === 'unix' || address.host === 'localhost' || address.host === '::1' || /^127\./.test(address.host)
  );
}
