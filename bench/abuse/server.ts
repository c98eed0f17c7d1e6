/**
 * The servers behind the balancers, all in one process: `server.ts NAME:PORT ...`, port 0 lets the system choose; says
 * `listening PORT PORT ...`. Each names itself in X-Server.
 *
 *      /            a few bytes             /large      4 MB
 *      /slow?ms=    answers so late         /session    begins a session of some hundred bytes, if there is none
 *      /id          gives the client an id of the app's own (JSESSIONID), if it has none
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sessions } from '../../src/session/index.ts';

const large = Buffer.alloc(4_000_000, 'x');
const app = sessions({ strategy: 'sticky', onError: () => {} });

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://app');
  request.resume();
  switch (pathname) {
    case '/large':
      response.end(large);
      return;
    case '/slow':
      setTimeout(() => response.end('late\n'), Number(searchParams.get('ms')));
      return;
    case '/session': {
      const { data } = await app.open(request, response);
      data.visits = Number(data.visits ?? 0) + 1;
      data.text ??= 'x'.repeat(500);
      response.end(`visit ${data.visits}\n`);
      return;
    }
    case '/id':
      if (!/JSESSIONID=/.test(request.headers.cookie ?? '')) {
        response.setHeader('Set-Cookie', `JSESSIONID=${randomUUID()}; Path=/`);
      }
  }
  response.end('a limpet\n');
}

const ports = await Promise.all(
  process.argv.slice(2).map(async (argument) => {
    const [name = '', port = '0'] = argument.split(':');
    const server = createServer((request, response) => {
      response.setHeader('X-Server', name);
      serve(request, response).catch((error: unknown) => app.guard(request, response).refuse(error));
    });
    server.keepAliveTimeout = 120_000;
    server.listen({ port: Number(port), host: '127.0.0.1', backlog: 4096 });
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }),
);
console.log(`listening ${ports.join(' ')}`);
// Goes with the run that started it, however that ends.
process.stdin.resume().on('end', () => process.exit());
