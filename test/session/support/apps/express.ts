/** The test app on Express, with the middleware. */
import express, { type NextFunction, type Request, type Response } from 'express';
import { limpet } from '../../../../src/session/express.ts';
import { host } from '../../../support/host.ts';
import { act, control } from '../acts.ts';
import { optionsOf, ready, sendNode } from '../program.ts';

const app = express();
app.use(async (request, response, next) => {
  const reply = await control(new URL(request.url, 'http://app'));
  if (reply === null) next();
  else await sendNode(response, reply);
});
app.use(limpet(optionsOf()));
app.use(async (request, response) => {
  const { status, headers, body } = await act(new URL(request.url, 'http://app'), request.limpet);
  if (typeof body === 'string') response.status(status).set(headers).send(body);
  else await sendNode(response, { status, headers, body });
});
app.use(
  (error: Error & { status?: number; code?: string }, _request: Request, response: Response, _next: NextFunction) => {
    console.error(`session: ${error.message}`);
    response
      .status(error.status ?? 500)
      .set('limpet-reason', error.code ?? '')
      .send(error.message);
  },
);
const server = app.listen(Number(process.argv[3] ?? 0), host, () => ready(server));
