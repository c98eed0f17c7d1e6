/** Whether a program listens where we are about to. */
import { networkInterfaces } from 'node:os';
import { Probe } from '../health/probe.ts';
import { type Address, formatAddress, type Net } from '../net/socket.ts';
import type { Timers } from '../time/clock.ts';

/** A call within this machine that has no answer after this long (ms) gets none: a firewall took it. */
const patience = 1000;

/**
 * Workers share their ports (SO_REUSEPORT), and so the kernel would let us share with another program too, each with a part
 * of the clients. This tells, by calling there, and rejects when this machine cannot call. (To listen for a moment without sharing would tell as well, but clients that
 * wait for us to start would be accepted, and then reset.)
 */
export async function isPortTaken(net: Net, address: Address & { kind: 'tcp' }, timers: Timers): Promise<boolean> {
  const asked = hostsOf(address.host).map(async (host) => {
    const there = { ...address, host };
    // Twice: the kernel may choose the very port that is called for the caller, which then reaches itself.
    return (await answers(net, there, timers)) && (await answers(net, there, timers));
  });
  return (await Promise.all(asked)).includes(true);
}

/** Addresses of this machine at which `host` listens. One that is elsewhere is not called: it cannot be listened on either. */
function hostsOf(host: string): readonly string[] {
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const chosen = own.filter(({ address, family }) => {
    if (host === '0.0.0.0') return family === 'IPv4';
    return host === '' || host === '::' || host === address;
  });
  const loopback = host === 'localhost' || host.startsWith('127.') ? [host] : [];
  return [...new Set([...chosen.map(({ address }) => address), ...loopback])];
}

function answers(net: Net, address: Address, timers: Timers): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const check = { http: null, timeout: patience };
    new Probe({ net, timers }, address, check, (problem, shortage) => {
      if (shortage === null) resolve(problem === null);
      else reject(new Error(`cannot ask who listens on ${formatAddress(address)}: ${shortage}`));
    }).start();
  });
}
