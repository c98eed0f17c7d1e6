/** An app with the session library, `library-server.ts <name> <port>`, in a process of its own: counts the pages of a session. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sessions } from '../../../src/session/index.ts';
import { host } from '../host.ts';

const [name = 'app', port = '0'] = process.argv.slice(2);
const app = sessions({ strategy: 'sticky', onError: (error) => console.error(error) });

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const session = await app.open(request, response);
  const data = session.data as { count?: number };
  data.count = (data.count ?? 0) + 1;
  response.end(JSON.stringify({ server: name, count: data.count, epoch: session.epoch }));
}

const server = createServer((request, response) => {
  serve(request, response).catch((error: unknown) => app.guard(request, response).refuse(error));
});
server.listen(Number(port), host, () => console.log(`listening ${(server.address() as AddressInfo).port}`));

// Goes with the test that started it, however that ends.
process.stdin.resume().on('end', () => process.exit());
