/** The test app as a plain fetch handler of Bun.serve. */
import { webSessions } from '../../../../src/session/index.ts';
import { host } from '../../../support/host.ts';
import { act, control } from '../acts.ts';
import { optionsOf, ready, webResponse } from '../program.ts';

const handle = webSessions(optionsOf()).handle(async (request, session) =>
  webResponse(await act(new URL(request.url), session)),
);
const server = Bun.serve({
  port: Number(process.argv[3] ?? 0),
  hostname: host,
  async fetch(request, self) {
    const reply = await control(new URL(request.url));
    return reply === null ? handle(request, self) : webResponse(reply);
  },
});
ready(server.port ?? 0);
