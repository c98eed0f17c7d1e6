/** npm's httpxy with a sticky cookie. */
import { createServer } from 'node:http';
import { createProxyServer } from 'httpxy';
import { agent, badGateway, port, serverOf } from './sticky.mjs';

const proxy = createProxyServer({ agent, xfwd: true });

createServer((request, response) => {
  const target = serverOf(request.headers.cookie, (cookie) => response.setHeader('Set-Cookie', cookie));
  proxy.web(request, response, { target }).catch(() => badGateway(response));
})
  .on('upgrade', (request, socket, head) => {
    const target = serverOf(request.headers.cookie, () => {});
    proxy.ws(request, socket, { target }, head).catch(() => socket.destroy());
  })
  .listen(port, '127.0.0.1', 4096);
