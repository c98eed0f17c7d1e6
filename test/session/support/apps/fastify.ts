/** The test app on Fastify, with the plugin. */
import { Readable } from 'node:stream';
import fastify from 'fastify';
import { limpet } from '../../../../src/session/fastify.ts';
import { host } from '../../../support/host.ts';
import { act, control } from '../acts.ts';
import { optionsOf, ready } from '../program.ts';

const app = fastify();
app.setErrorHandler((error: Error & { statusCode?: number; code?: string }, _request, reply) => {
  console.error(`session: ${error.message}`);
  reply
    .status(error.statusCode ?? 500)
    .header('limpet-reason', error.code ?? '')
    .send(error.message);
});
app.addHook('onRequest', async (request, reply) => {
  const found = await control(new URL(request.url, 'http://app'));
  if (found !== null) return reply.status(found.status).send(found.body);
});
app.register(limpet, optionsOf());
app.get('/*', async (request, reply) => {
  const { status, headers, body } = await act(new URL(request.url, 'http://app'), request.limpet);
  return reply
    .status(status)
    .headers(headers)
    .send(typeof body === 'string' ? body : Readable.from(body));
});
await app.listen({ port: Number(process.argv[3] ?? 0), host });
ready(app.server);
