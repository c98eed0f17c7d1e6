/** The test app on node:http. */
import { createServer } from 'node:http';
import { sessions } from '../../../../src/session/index.ts';
import { host } from '../../../support/host.ts';
import { act, control } from '../acts.ts';
import { optionsOf, ready, sendNode } from '../program.ts';

const app = sessions(optionsOf());
const handle = app.handle(async (request, response, session) => {
  await sendNode(response, await act(new URL(request.url ?? '/', 'http://app'), session));
});
const server = createServer(async (request, response) => {
  const reply = await control(new URL(request.url ?? '/', 'http://app'));
  if (reply === null) await handle(request, response);
  else await sendNode(response, reply);
});
server.listen(Number(process.argv[3] ?? 0), host, () => ready(server));
