/** Unix-domain sockets in the state folder: only the user that Limpet runs as can reach them. */
import { join } from 'node:path';
import { longestPath } from '../config/address.ts';
import type { Address } from '../net/socket.ts';

/** null: the path is longer than the system allows for a socket. */
export function stateSocket(stateDir: string, name: string): Address | null {
  const path = join(stateDir, name);
  return Buffer.byteLength(path) <= longestPath ? { kind: 'unix', path } : null;
}
