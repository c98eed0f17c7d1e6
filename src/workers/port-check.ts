/**
 * Finds out whether another program listens on a port before we do. Workers share their ports (SO_REUSEPORT), so the kernel
 * would let us share a port with another program too, and each would get a part of the clients.
 *
 * The check connects to the port. To listen for a moment without sharing would work as well, but clients that wait for us to
 * start would be accepted, and then reset.
 */
import { networkInterfaces } from 'node:os';
import type { ListenerOptions } from '../config/options.ts';
import { Probe } from '../health/probe.ts';
import { listenError } from '../net/listen-error.ts';
import { type Address, formatAddress, type Net } from '../net/socket.ts';
import type { Timers } from '../time/clock.ts';

/** A connection within this machine that is not there after this long (ms) never will be: a firewall drops it. */
const connectTimeoutMs = 1000;

/** Rejects with EADDRINUSE when another program listens there, unless `reusePort` allows that. */
export async function refuseTakenPort(
  net: Net,
  { address, reusePort }: ListenerOptions,
  timers: Timers,
): Promise<void> {
  if (reusePort || address.kind === 'unix' || address.port === 0) return;
  if (!(await isPortTaken(net, address, timers))) return;
  throw listenError(Object.assign(new Error('another program listens there'), { code: 'EADDRINUSE' }), address);
}

/** Rejects when this machine cannot connect. */
export async function isPortTaken(net: Net, address: Address & { kind: 'tcp' }, timers: Timers): Promise<boolean> {
  const taken = hostsOf(address.host).map(async (host) => {
    const there = { ...address, host };
    // Twice: the kernel may give the connection the very port that it connects to as its own, and then it reaches itself.
    return (await isConnectable(net, there, timers)) && (await isConnectable(net, there, timers));
  });
  return (await Promise.all(taken)).includes(true);
}

/** Addresses of this machine at which `host` listens. None for a foreign address: it cannot be listened on either. */
function hostsOf(host: string): readonly string[] {
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const chosen = own.filter(({ address, family }) => {
    if (host === '0.0.0.0') return family === 'IPv4';
    return host === '' || host === '::' || host === address;
  });
  const loopback = host === 'localhost' || host.startsWith('127.') ? [host] : [];
  return [...new Set([...chosen.map(({ address }) => address), ...loopback])];
}

function isConnectable(net: Net, address: Address, timers: Timers): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const check = { grpc: null, http: null, timeout: connectTimeoutMs };
    new Probe({ net, timers }, address, check, (problem, shortage) => {
      if (shortage === null) resolve(problem === null);
      else reject(new Error(`cannot find out who listens on ${formatAddress(address)}: ${shortage}`));
    }).start();
  });
}
