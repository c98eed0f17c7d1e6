/** An app written for express-session, of which one line was changed; its own options are the third argument. */
import express, { type Request } from 'express';
import { expressSession as session } from '../../../../src/session/express.ts';
import { host } from '../../../support/host.ts';
import { control, wait } from '../acts.ts';
import { optionsOf, ready, sendNode } from '../program.ts';

declare module 'express-session' {
  interface SessionData {
    [name: string]: unknown;
  }
}

const limpet = optionsOf();
const given = JSON.parse(process.argv[4] ?? '{}');
const app = express();
const defaults = { secret: 'a secret of this test', resave: false, saveUninitialized: false };
app.use(async (request, response, next) => {
  const reply = await control(new URL(request.url, 'http://app'));
  if (reply === null) next();
  else await sendNode(response, reply);
});
app.use(session({ ...defaults, ...given, limpet }));

const name = (request: Request) => String(request.query.name ?? 'value');
const hold = (request: Request) => wait(String(request.query.signal));
/** Only where the test asks for it. */
const holdIf = async (request: Request) => (request.query.signal === undefined ? undefined : hold(request));

app.get('/all', (request, response) => {
  const { cookie: _cookie, ...data } = request.session;
  response.json(data);
});
app.get('/id', (request, response) => void response.send(request.sessionID));
app.get('/cookie', (request, response) => void response.json(request.session.cookie));
app.get('/set', (request, response) => {
  request.session[name(request)] = request.query.value;
  response.send('set');
});
/** What the app says of the cookie of this session. */
app.get('/say', (request, response) => {
  Object.assign(request.session.cookie, JSON.parse(String(request.query.value)));
  response.json(request.session.cookie);
});
app.get('/remember', (request, response, next) => {
  request.session.regenerate((error) => {
    if (error) return next(error);
    request.session.user = String(request.query.value);
    request.session.cookie.maxAge = 14 * 24 * 3600 * 1000;
    response.send('in');
  });
});
app.get('/redirect', (request, response) => {
  request.session.went = true;
  response.redirect('/all');
});
app.get('/head-first', (request, response) => {
  request.session[name(request)] = request.query.value;
  response.writeHead(200, { 'content-type': 'text/plain' });
  response.end('body');
});
app.get('/late', (request, response) => {
  response.writeHead(200, { 'content-type': 'text/plain' });
  response.write('first ');
  request.session[name(request)] = request.query.value;
  response.end('last');
});
app.get('/hold', async (request, response) => {
  await hold(request);
  request.session[name(request)] = request.query.value;
  response.send('held');
});
app.get('/hold-read', async (request, response) => {
  await hold(request);
  response.send('read');
});
app.get('/login', (request, response, next) => {
  const before = request.session.before;
  request.session.regenerate(async (error) => {
    if (error) return next(error);
    await holdIf(request);
    request.session.user = String(request.query.value);
    if (before !== undefined) request.session.before = before;
    request.session.save((failed) => (failed ? next(failed) : response.send('in')));
  });
});
/** The Limpet session is ended, or gets another id, as well. */
app.get('/limpet/:act', async (request, response) => {
  if (request.params.act === 'destroy') await request.limpet.destroy();
  else await request.limpet.regenerate();
  response.send('done');
});
app.get('/logout', (request, response, next) => {
  request.session.destroy((error) => (error ? next(error) : response.send('out')));
});
app.get('/save', (request, response, next) => {
  request.session[name(request)] = request.query.value;
  request.session.save(async (error) => {
    await holdIf(request);
    if (error) next(error);
    else response.send('saved');
  });
});
/** What callbacks of `save` were told. */
const told: string[] = [];
const tell = (error: unknown) => void told.push(error instanceof Error ? error.message : 'kept');
app.get('/told', (_request, response) => void response.json(told.splice(0)));
app.get('/hold-save', async (request, response, next) => {
  await hold(request);
  request.session[name(request)] = request.query.value;
  request.session.save((error) => {
    tell(error);
    if (error) next(error);
    else response.send('saved');
  });
});
/** It does not look at what it is told. */
app.get('/late-save', async (request, response) => {
  response.write('first ');
  await hold(request);
  request.session[name(request)] = request.query.value;
  request.session.save((error) => {
    tell(error);
    response.end('last');
  });
});
app.get('/reload', async (request, response, next) => {
  await holdIf(request);
  request.session.value = 'not saved';
  request.session.reload((error) => (error ? next(error) : response.json({ value: request.session.value })));
});
const server = app.listen(Number(process.argv[3] ?? 0), host, () => ready(server));
