/** An app with the session library, `cart-server.ts <name> <port>`, in a process of its own: a user signs in, and has a cart. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sessions } from '../../../src/session/index.ts';
import { host } from '../host.ts';

const [name = 'app', port = '0'] = process.argv.slice(2);
const app = sessions({ strategy: 'sticky', onError: (error) => console.error(error) });

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const session = await app.open(request, response);
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://app');
  if (request.method === 'POST' && pathname === '/sign-in') {
    // What was there before the password was given must not know the session that comes after it.
    await session.regenerate();
    session.set('user', searchParams.get('user') ?? '');
  }
  if (request.method === 'PUT' && pathname === '/cart') {
    const item = searchParams.get('item') ?? '';
    await session.update((data) => {
      const items = Array.isArray(data.items) ? data.items : [];
      if (!items.includes(item)) data.items = [...items, item];
    });
  }
  const { user = null, items = [] } = session.data;
  response.end(JSON.stringify({ server: name, user, items, epoch: session.epoch }));
}

const server = createServer((request, response) => {
  serve(request, response).catch((error: unknown) => app.guard(request, response).refuse(error));
});
server.listen(Number(port), host, () => console.log(`listening ${(server.address() as AddressInfo).port}`));

// Goes with the test that started it, however that ends.
process.stdin.resume().on('end', () => process.exit());
