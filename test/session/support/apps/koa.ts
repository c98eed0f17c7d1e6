/** The test app on Koa, with the middleware. */
import { Readable } from 'node:stream';
import Koa from 'koa';
import { limpet } from '../../../../src/session/koa.ts';
import { host } from '../../../support/host.ts';
import { act, control, type Reply } from '../acts.ts';
import { optionsOf, ready } from '../program.ts';

const app = new Koa();
const send = (context: Koa.Context, { status, headers, body }: Reply) => {
  context.status = status;
  context.set(headers);
  context.body = typeof body === 'string' ? body : Readable.from(body);
};
app.on('error', (error: Error) => console.error(`session: ${error.message}`));
app.use(async (context, next) => {
  const reply = await control(context.URL);
  if (reply === null) await next();
  else send(context, reply);
});
app.use(limpet(optionsOf()));
app.use(async (context) => send(context, await act(context.URL, context.limpet)));
const server = app.listen(Number(process.argv[3] ?? 0), host, () => ready(server));
