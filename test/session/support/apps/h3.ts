/** The test app on h3, with the middleware. */
import { H3, serve } from 'h3';
import { limpet } from '../../../../src/session/h3.ts';
import { host } from '../../../support/host.ts';
import { act, control } from '../acts.ts';
import { optionsOf, ready, webResponse } from '../program.ts';

const app = new H3({
  silent: true,
  onError: (error) => console.error(`session: ${error.message}`),
});
app.use(async (event) => {
  const reply = await control(event.url);
  return reply === null ? undefined : webResponse(reply);
});
app.use(limpet(optionsOf()));
app.get('/**', async (event) => webResponse(await act(event.url, event.context.limpet)));

const server = serve(app, { port: Number(process.argv[3] ?? 0), hostname: host, silent: true });
await server.ready();
ready(Number(new URL(server.url ?? '').port));
