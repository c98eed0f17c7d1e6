/** Express and Fastify send files and streams and go on after it, each request with a changed session: two servers in one process. */
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import express, { type ErrorRequestHandler } from 'express';
import fastify from 'fastify';
import { limpet } from '../../../../src/session/express.ts';
import { limpet as limpetPlugin } from '../../../../src/session/fastify.ts';
import { host } from '../../../support/host.ts';
import { optionsOf, ready } from '../program.ts';

const options = optionsOf();
const { file, size } = JSON.parse(process.argv[4] ?? '{}');
const value = 'x'.repeat(size);

const app = express();
app.use(limpet(options));
app.use((request, _response, next) => {
  request.limpet.set('value', value);
  next();
});
app.get('/file', (_request, response) => response.sendFile(file));
app.get('/download', (_request, response) => response.download(file));
app.get('/pipe', (_request, response) => void createReadStream(file).pipe(response));
app.get('/pipeline', (_request, response, next) => void pipeline(createReadStream(file), response).catch(next));
app.get('/redirect', (_request, response) => {
  response.redirect('/elsewhere');
  if (!response.headersSent) response.status(500).send('not sent');
});
app.get('/next', (_request, response, next) => {
  response.send('sent');
  next();
});
app.use('/next', (_request, response) => {
  if (!response.headersSent) response.status(404).send('nobody has sent');
});
app.get('/next-error', (_request, response, next) => {
  response.send('sent');
  next(new Error('after it was sent'));
});
app.get('/throw', (_request, response) => {
  response.write('first');
  throw new Error('after a write');
});
const onError: ErrorRequestHandler = (error, _request, response, next) => {
  if (response.headersSent) next(error);
  else response.status(500).send('no head yet');
};
app.use(onError);

const other = fastify();
other.register(limpetPlugin, options);
other.addHook('preHandler', async (request) => request.limpet.set('value', value));
other.get('/fastify/file', (_request, reply) => reply.send(createReadStream(file)));
other.get('/fastify/web', (_request, reply) => reply.send(Readable.toWeb(createReadStream(file))));
other.get('/fastify/response', (_request, reply) => reply.send(new Response(Readable.toWeb(createReadStream(file)))));
other.get('/fastify/json', async () => ({ sent: true }));
await other.ready();
app.set('env', 'test');

const server = app.listen(Number(process.argv[3] ?? 0), host, () => ready(server));
// One port for both.
const [toExpress] = server.listeners('request');
server.removeAllListeners('request');
server.on('request', (request, response) => {
  if (request.url?.startsWith('/fastify/')) other.routing(request, response);
  else toExpress?.call(server, request, response);
});
