import { once } from 'node:events';
import { createServer } from 'node:net';
import { host } from './host.ts';

/** A port of `host` on which nobody listens: for programs that cannot be given port 0. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
