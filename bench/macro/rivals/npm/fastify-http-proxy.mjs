/** Fastify's http-proxy with a sticky cookie. */
import proxy from '@fastify/http-proxy';
import fastify from 'fastify';
import { port, serverOf } from './sticky.mjs';

const app = fastify();
app.decorateRequest('target', '');
app.register(proxy, {
  upstream: '',
  undici: { connections: 512, pipelining: 1 },
  preHandler(request, reply, next) {
    request.target = serverOf(request.headers.cookie, (cookie) => reply.header('Set-Cookie', cookie));
    next();
  },
  replyOptions: {
    getUpstream: (request) => request.target,
    rewriteRequestHeaders: (request, headers) => ({ ...headers, 'x-forwarded-for': request.ip }),
  },
});
await app.listen({ port, host: '127.0.0.1', backlog: 4096 });
