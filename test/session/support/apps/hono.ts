/** The test app on Hono, on Bun.serve or on node:http. */
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { type LimpetEnv, limpet } from '../../../../src/session/hono.ts';
import { SessionError } from '../../../../src/session/index.ts';
import { host } from '../../../support/host.ts';
import { act, control } from '../acts.ts';
import { optionsOf, ready, webResponse } from '../program.ts';

const app = new Hono<LimpetEnv>();
app.onError((error) => {
  console.error(`session: ${error.message}`);
  const known = error instanceof SessionError ? error : { status: 500, code: '' };
  return new Response(error.message, { status: known.status, headers: { 'limpet-reason': known.code } });
});
app.use(async (context, next) => {
  const reply = await control(new URL(context.req.url));
  if (reply !== null) return webResponse(reply);
  await next();
});
app.use(limpet(optionsOf()));
app.get('/*', async (context) => webResponse(await act(new URL(context.req.url), context.var.limpet)));

const port = Number(process.argv[3] ?? 0);
if (process.versions.bun === undefined) {
  serve({ fetch: app.fetch, port, hostname: host }, (address) => ready(address.port));
} else {
  const server = Bun.serve({ port, hostname: host, fetch: app.fetch });
  ready(server.port ?? 0);
}
