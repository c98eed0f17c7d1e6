/** That no address is listened on twice, and that no server is a listener of this balancer, in whatever spelling. */
import { isIP } from 'node:net';
import { join, resolve } from 'node:path';
import { addressBytes } from '../ip.ts';
import { type Address, formatAddress } from '../net/socket.ts';
import type { LimpetOptions } from './options.ts';
import { error, type Path, type Problem, warning } from './problem.ts';

interface Own {
  readonly path: Path;
  /** As the config has it. */
  readonly name: string;
  readonly address: Address;
  /** Traffic shares its ports with the other workers, and so with itself. */
  readonly traffic: boolean;
}

export function checkAddresses(options: LimpetOptions): Problem[] {
  const own = ownAddresses(options);
  return [...own.flatMap((one, i) => checkOwn(one, own.slice(0, i))), ...checkLoops(options, own)];
}

function ownAddresses({ listeners, admin, sessions, stateDir }: LimpetOptions): Own[] {
  const own: Own[] = listeners.map(({ address }, i) => ({
    path: ['listeners', i, 'address'],
    name: `listeners[${i}]`,
    address,
    traffic: true,
  }));
  const add = (name: string, path: Path, listen: Address | 'state' | null | undefined, file: string): void => {
    if (listen === null || listen === undefined) return;
    const address = listen === 'state' ? ({ kind: 'unix', path: join(stateDir, file) } as const) : listen;
    own.push({ path, name, address, traffic: false });
  };
  add('admin.listen', ['admin', 'listen'], admin.listen, 'admin.sock');
  add('sessions.listen', ['sessions', 'listen'], sessions?.listen, 'store.sock');
  return own;
}

function checkOwn(one: Own, before: readonly Own[]): Problem[] {
  const text = formatAddress(one.address);
  for (const other of before) {
    const overlap = overlapOf(one.address, other.address);
    if (overlap === 'none') continue;
    const theirs = formatAddress(other.address);
    if (overlap === 'same') {
      const spelt = theirs === text ? text : `${text}, the same as ${theirs}`;
      return [error(one.path, `found ${spelt}, where ${other.name} listens already: expected another address`)];
    }
    const [inner, outer] = overlap === 'within' ? [one, other] : [other, one];
    const within = `${formatAddress(inner.address)} (${inner.name}) is a part of ${formatAddress(outer.address)} (${outer.name})`;
    if (!one.traffic || !other.traffic) return [error(one.path, `${within}: expected another address`)];
    return [warning(one.path, `${within}, which takes what comes to any other address`)];
  }
  return [];
}

/** `within`: a is one of the addresses that b stands for; `around`: the other way. */
function overlapOf(a: Address, b: Address): 'none' | 'same' | 'within' | 'around' {
  if (a.kind === 'unix' || b.kind === 'unix') {
    return a.kind === 'unix' && b.kind === 'unix' && resolve(a.path) === resolve(b.path) ? 'same' : 'none';
  }
  // Port 0 is a free one, another one each time.
  if (a.port !== b.port || a.port === 0) return 'none';
  if (isEvery(a.host)) return isEvery(b.host) ? 'same' : takes(a.host, hostsOf(b.host)) ? 'around' : 'none';
  if (isEvery(b.host)) return takes(b.host, hostsOf(a.host)) ? 'within' : 'none';
  return hostsOf(a.host).some((host) => hostsOf(b.host).includes(host)) ? 'same' : 'none';
}

/** Whether only one of the two can be listened on, because both stand for the same addresses. */
export function isSameListener(a: Address, b: Address): boolean {
  return overlapOf(a, b) === 'same';
}

/** A server that is one of our own listeners would get its own requests for ever. */
function checkLoops({ pools }: LimpetOptions, own: readonly Own[]): Problem[] {
  return pools.flatMap(({ name, servers }) =>
    servers.flatMap(({ address }, index) => {
      const loop = own.find((one) => reachesListener(address, one.address));
      if (loop === undefined) return [];
      const text = `found ${formatAddress(address)}, where this balancer itself listens (${loop.name}): expected the address of a server`;
      return [error(['pools', name, 'servers', index, 'address'], text)];
    }),
  );
}

/** Whether a connection to `server` ends at `listener`. The other addresses of this machine are not known here. */
export function reachesListener(server: Address, listener: Address): boolean {
  if (listener.kind === 'unix' || server.kind === 'unix') return overlapOf(listener, server) === 'same';
  if (listener.port !== server.port || listener.port === 0) return false;
  const hosts = hostsOf(server.host);
  if (isEvery(listener.host)) return takes(listener.host, hosts.filter(isLoopback));
  return hosts.some((host) => hostsOf(listener.host).includes(host));
}

/** Whether who listens on `host`, every address of a family or of both, listens on one of `hosts` too. */
function takes(host: string, hosts: readonly string[]): boolean {
  if (!isEvery(host)) return false;
  const onlyIPv4 = isIP(host) === 4;
  return hosts.some((one) => !onlyIPv4 || isIP(one) === 4 || isIP(one) === 0);
}

/** `::` takes IPv4 as well, as both runtimes listen on it. */
function isEvery(host: string): boolean {
  return host === '' || (isIP(host) !== 0 && addressBytes(host).every((byte) => byte === 0));
}

function isLoopback(host: string): boolean {
  return host === loopback6 || (isIP(host) === 4 && host.startsWith('127.'));
}

const loopback6 = '0:0:0:0:0:0:0:1';

/** The addresses that a connection to `host` may go to, each in one spelling; a name as it stands. */
function hostsOf(host: string): string[] {
  if (host === 'localhost' || host.endsWith('.localhost')) return ['127.0.0.1', loopback6];
  if (isIP(host) === 0) return [host.replace(/\.$/, '')];
  const bytes = addressBytes(host);
  // To call every address is to call this machine.
  if (isEvery(host)) return bytes.length === 4 ? ['127.0.0.1'] : [loopback6];
  if (bytes.length === 4) return [bytes.join('.')];
  return [Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16)).join(':')];
}
