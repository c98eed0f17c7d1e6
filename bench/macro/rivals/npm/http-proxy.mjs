/** npm's http-proxy with a sticky cookie. */
import { createServer } from 'node:http';
import httpProxy from 'http-proxy';
import { agent, badGateway, port, serverOf } from './sticky.mjs';

const proxy = httpProxy.createProxyServer({ agent, xfwd: true });
proxy.on('error', (_error, _request, response) => badGateway(response));

createServer((request, response) => {
  const target = serverOf(request.headers.cookie, (cookie) => response.setHeader('Set-Cookie', cookie));
  proxy.web(request, response, { target });
})
  .on('upgrade', (request, socket, head) => {
    const target = serverOf(request.headers.cookie, () => {});
    proxy.ws(request, socket, head, { target });
  })
  .listen(port, '127.0.0.1', 4096);
