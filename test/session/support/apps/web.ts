/** The test app as a plain fetch handler of Bun.serve. */
import { webSessions } from '../../../../src/session/index.ts';
import { host } from '../../../support/host.ts';
import { act, control } from '../acts.ts';
import { job } from '../jobs.ts';
import { optionsOf, ready, webResponse } from '../program.ts';

const app = webSessions(optionsOf());
const handle = app.handle(async (request, session) => webResponse(await act(new URL(request.url), session, app)));
const server = Bun.serve({
  port: Number(process.argv[3] ?? 0),
  hostname: host,
  async fetch(request) {
    const url = new URL(request.url);
    const reply = (await control(url)) ?? (await job(url, app));
    return reply === null ? handle(request) : webResponse(reply);
  },
});
ready(server.port ?? 0);
