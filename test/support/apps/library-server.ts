/**
 * An app with the session library, `library-server.ts <name> <port>`, in a process of its own: counts the pages of a session. Its answer
 * tells `{ server, count, epoch, user }`.
 *
 *      /            counts                      /read        counts nothing
 *      /sign-in     ?user=: under a new id      /sign-out    ends the session
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sessions } from '../../../src/session/index.ts';
import { host } from '../host.ts';

const [name = 'app', port = '0'] = process.argv.slice(2);
const app = sessions({ strategy: 'sticky', onError: (error) => console.error(error) });

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://app');
  const session = await app.open(request, response);
  if (pathname === '/sign-out') await session.destroy();
  else if (pathname === '/sign-in') {
    await session.regenerate();
    session.data.user = searchParams.get('user');
  } else if (pathname !== '/read') session.data.count = Number(session.data.count ?? 0) + 1;
  const { count = 0, user = null } = pathname === '/sign-out' ? {} : session.data;
  response.end(JSON.stringify({ server: name, count, epoch: session.epoch, user }));
}

const server = createServer((request, response) => {
  serve(request, response).catch((error: unknown) => app.guard(request, response).refuse(error));
});
server.listen(Number(port), host, () => console.log(`listening ${(server.address() as AddressInfo).port}`));

// Goes with the test that started it, however that ends.
process.stdin.resume().on('end', () => process.exit());
