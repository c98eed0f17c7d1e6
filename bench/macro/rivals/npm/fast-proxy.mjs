/** npm's fast-proxy with a sticky cookie. */
import { createServer } from 'node:http';
import createFastProxy from 'fast-proxy';
import { port, serverOf } from './sticky.mjs';

const { proxy } = createFastProxy({ keepAliveMsecs: 60_000, maxSockets: 512 });

createServer((request, response) => {
  const base = serverOf(request.headers.cookie, (cookie) => response.setHeader('Set-Cookie', cookie));
  const forwarded = request.socket.remoteAddress;
  proxy(request, response, request.url, {
    base,
    rewriteRequestHeaders: (_request, headers) => ({ ...headers, 'x-forwarded-for': forwarded }),
  });
}).listen(port, '127.0.0.1', 4096);
