/** The error for an address that cannot be listened on, with a message that says what to do. */
import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname } from 'node:path';
import { type Address, formatAddress } from './socket.ts';

/** Has the system's code and a complete message. Its fields are plain data, so that it can pass from thread to thread. */
export type ListenError = Error & { readonly code: string; readonly listening: string };

/**
 * `error` is the runtime's. `name`: the config's field with the address, such as `admin.listen`; left out: a listener for
 * traffic.
 */
export function listenError(error: unknown, address: Address, name?: string): ListenError {
  if (isListenError(error)) return error;
  const listening = formatAddress(address);
  const code = codeIn(error, address);
  const where = name === undefined ? listening : `${listening} (${name})`;
  const message = `cannot listen on ${where}: ${whyNot(code, address, name)} (${code})`;
  return Object.assign(new Error(message, { cause: error }), { code, listening });
}

export function isListenError(error: unknown): error is ListenError {
  return error instanceof Error && 'listening' in error && 'code' in error;
}

function codeIn(error: unknown, address: Address): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  // Bun gives no code when a name does not resolve.
  return address.kind === 'tcp' && address.host !== '' && isIP(address.host) === 0 ? 'ENOTFOUND' : 'unknown';
}

function whyNot(code: string, address: Address, name: string | undefined): string {
  const field = name ?? '--listen, or listeners in the config';
  if (address.kind === 'unix') {
    // Node says EACCES when the folder does not exist.
    if (!existsSync(dirname(address.path))) return 'the folder of the socket does not exist: make it first';
    if (code === 'EADDRINUSE')
      return 'a program listens there, or a file is in the way: stop it, remove it, or choose another path';
    if (code === 'EACCES' || code === 'EPERM') return 'no permission to write to its folder';
  }
  switch (code) {
    case 'EADDRINUSE':
      return `the address is in use. Stop the program that listens there, or choose another address (${field})`;
    case 'EACCES':
    case 'EPERM':
      return 'no permission. Ports below 1024 need root or CAP_NET_BIND_SERVICE, or choose a port from 1024 up';
    case 'EADDRNOTAVAIL':
      return 'this machine has no such address. Choose one that it has, or all of them with :PORT';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the name does not resolve. Choose an address of this machine, or all of them with :PORT';
    case 'EAFNOSUPPORT':
      return 'this machine has no addresses of that family (IPv6 is off). Choose one of IPv4';
    case 'EINVAL':
      return 'the address is not complete: a link-local one needs its interface, as in [fe80::1%eth0]';
    default:
      return 'the system refuses it';
  }
}
