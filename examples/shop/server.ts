/**
 * One shop process: `node server.ts --name gull --port 3001`. Says `listening on http://127.0.0.1:PORT` on
 * stderr when it is ready. Runs on Node and on Bun.
 *
 *      --sessions sticky      in this process, each change copied to the balancer; without one before it: local (default)
 *                 local       in this process alone
 *                 shared      in a store that all processes reach: --store lmdb:FOLDER or redis://HOST:PORT
 *                 stateless   in the browser's cookie, encrypted with SHOP_SECRET
 */
import { parseArgs } from 'node:util';
import type { SessionOptions, Strategy } from '../../src/session/index.ts';
import { createShop } from './shop.ts';

const { values } = parseArgs({
  options: {
    name: { type: 'string', default: 'shop' },
    port: { type: 'string', default: '0' },
    sessions: { type: 'string', default: 'sticky' },
    store: { type: 'string' },
    'max-sessions': { type: 'string', default: '10000' },
  },
});

if (!/^[a-z0-9-]{1,20}$/.test(values.name)) throw new Error('--name is lower case letters, digits and hyphens');

const server = createShop({
  name: values.name,
  pid: process.pid,
  maxSessions: Number(values['max-sessions']),
  sessions: {
    strategy: values.sessions as Strategy,
    fallback: 'local',
    onWarning: () => {},
    ...(values.store !== undefined && { store: values.store }),
    ...(values.sessions === 'stateless' && { secret: process.env.SHOP_SECRET ?? '' }),
  } satisfies SessionOptions,
  // A moment for the kernel to hand over the answer: a killed process may reset its connections.
  die: () => setTimeout(() => process.kill(process.pid, 'SIGKILL'), 50),
});

server.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
server.listen(Number(values.port), '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') console.error(`listening on http://127.0.0.1:${address.port}`);
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(0));
