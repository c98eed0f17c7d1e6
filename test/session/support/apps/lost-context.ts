/**
 * An app on express-session whose handlers go on in callbacks that know nothing of their request, or think of another's: as those
 * of native modules, pools, parsers, and sockets do. With passport, flash, Socket.IO and ws as their guides say.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { MessageChannel } from 'node:worker_threads';
import express, { type NextFunction, type Request, type Response } from 'express';
import { Server as SocketServer } from 'socket.io';
import { WebSocketServer } from 'ws';
import { expressSession } from '../../../../src/session/express.ts';
import { host } from '../../../support/host.ts';
import { optionsOf, ready } from '../program.ts';

// Not ours: connect-flash uses util.isArray.
process.noDeprecation = true;

const require = createRequire(import.meta.url);
const passport = require('passport');
const flash = require('connect-flash');

type WithSession = IncomingMessage & { session: Request['session'] };
const withSession = (request: unknown) => request as WithSession;
const dataOf = ({ cookie: _cookie, ...data }: Request['session']) => data;

/** Calls back as a native module does: from a queue that was made before any request. */
const queue: (() => void)[] = [];
const { port1, port2 } = new MessageChannel();
port2.on('message', () => queue.shift()?.());
const native = (done: () => void) => {
  queue.push(done);
  port1.postMessage(null);
};
/** Calls back as a pool of connections may: within whatever request has just freed one. */
const pool = new EventEmitter();

const given = JSON.parse(process.argv[4] ?? '{}');
const secret = 'a secret of this test';
const limpet = optionsOf();
const middleware = expressSession({ secret, resave: false, saveUninitialized: false, ...given, limpet });
const asking = new AsyncLocalStorage<Request>();
const app = express();

/** With express-session's defaults each visitor's session is saved. */
const visitors = express.Router();
visitors.use(expressSession({ secret, resave: false, saveUninitialized: true, limpet }));
visitors.get('/id', (request, response) => void response.send(request.sessionID));
visitors.get('/stream', (request, response) => {
  response.write(`${request.sessionID} `);
  native(() => response.end('last'));
});
visitors.get('/head', (request, response) => {
  response.writeHead(200, { 'content-type': 'text/plain' });
  response.end(`${request.sessionID} last`);
});
visitors.get('/flush', (request, response) => {
  response.flushHeaders();
  native(() => response.end(`${request.sessionID} last`));
});
visitors.get('/regenerated', (request, response) => {
  request.session.regenerate(() => {
    response.write(`${request.sessionID} `);
    native(() => response.end('last'));
  });
});
app.use('/visitors', visitors);
// Regenerated, and not written to: saved as well, whatever is said of visitors.
app.get('/regenerated', middleware, (request, response) => {
  request.session.regenerate(() => {
    response.write(`${request.sessionID} `);
    native(() => response.end('last'));
  });
});
app.get('/id', middleware, (request, response) => void response.send(request.sessionID));

app.get('/emit', middleware, (request, response) => {
  asking.run(request, () => pool.emit(String(request.query.signal)));
  response.send('emitted');
});
app.use(middleware);
app.use((request, _response, next) => asking.run(request, () => next()));

type Act = (request: Request, response: Response, next: NextFunction) => void;
const name = (request: Request) => String(request.query.name ?? 'value');
const acts: Record<string, Act> = {
  set(request, response) {
    request.session[name(request)] = request.query.value;
    response.send('set');
  },
  save(request, response, next) {
    request.session[name(request)] = request.query.value;
    request.session.save((error) => native(() => (error ? next(error) : response.send('saved'))));
  },
  touch(request, response) {
    request.session.touch();
    response.send('touched');
  },
  destroy(request, response, next) {
    request.session.destroy((error) => native(() => (error ? next(error) : response.send('out'))));
  },
  unset(request, response) {
    Object.assign(request, { session: null });
    response.send('unset');
  },
  login(request, response, next) {
    request.session.regenerate((error) =>
      native(() => {
        if (error) return next(error);
        request.session.user = String(request.query.value);
        request.session.save((failed) => native(() => (failed ? next(failed) : response.send('in'))));
      }),
    );
  },
  reload(request, response, next) {
    request.session.value = 'not saved';
    request.session.reload((error) => native(() => (error ? next(error) : response.json(dataOf(request.session)))));
  },
  stream(request, response) {
    response.write('first ');
    native(() => {
      request.session[name(request)] = request.query.value;
      native(() => response.end('last'));
    });
  },
  twice(request, response) {
    request.session[name(request)] = request.query.value;
    response.end('once');
    native(() => response.end('twice'));
  },
};
const waysBack: Record<string, (request: Request, go: () => void) => void> = {
  native: (_request, go) => native(go),
  end: (request, go) => void request.resume().on('end', go),
  pool: (request, go) => void pool.once(String(request.query.signal), go),
};
app.all('/by/:way/:act', (request, response, next) => {
  const { way = '', act = '' } = request.params;
  waysBack[way]?.(request, () => {
    response.setHeader('knows-its-request', String(asking.getStore() === request));
    acts[act]?.(request, response, next);
  });
});
app.post('/json', express.json(), express.urlencoded({ extended: false }), (request, response) => {
  request.session.body = request.body;
  request.session.save(() => response.json(request.body));
});
app.get('/all', (request, response) => void response.json(dataOf(request.session)));
app.get('/store', (request, response) => {
  const { sessionStore } = request;
  if (request.query.emit !== undefined) sessionStore.emit(String(request.query.emit));
  sessionStore.get('nobody', (error, found) => response.json({ error: error ?? null, found: found ?? null }));
});

class QueryStrategy extends passport.Strategy {
  readonly name = 'query';
  authenticate({ query }: Request) {
    native(() => (query.user === undefined ? this.fail('no user') : this.success({ name: query.user })));
  }
}
passport.use(new QueryStrategy());
passport.serializeUser((user: { name: string }, done: (error: null, id: string) => void) =>
  native(() => done(null, user.name)),
);
passport.deserializeUser((id: string, done: (error: null, user: object) => void) =>
  native(() => done(null, { name: id })),
);
const signedIn = express.Router();
signedIn.use(flash(), passport.session());
signedIn.get('/login', (request, response, next) => {
  const failure = { failureRedirect: '/passport/me', failureFlash: true };
  // Without keepSessionInfo the message would go with the old session.
  const success = { successRedirect: '/passport/me', successFlash: 'welcome', keepSessionInfo: true };
  passport.authenticate('query', { ...failure, ...success })(request, response, next);
});
signedIn.get('/me', (request, response) => {
  const { user = null, flash: messages } = request as unknown as { user?: object; flash: () => object };
  response.json({ user, messages: messages.call(request) });
});
signedIn.get('/logout', (request, response, next) => {
  const { logout } = request as unknown as { logout: (done: (error: unknown) => void) => void };
  logout.call(request, (error) => (error ? next(error) : response.redirect('/passport/me')));
});
app.use('/passport', signedIn);

const server = createServer(app);
const io = new SocketServer(server, { destroyUpgrade: false });
io.engine.use(middleware);
io.on('connection', (socket) => {
  const { session } = withSession(socket.request);
  socket.on('set', (key: string, value: unknown, done: (answer: string) => void) => {
    session[key] = value;
    session.save((error) => done(error ? `error: ${error.message}` : 'saved'));
  });
  socket.on('reload', (done: (data: unknown) => void) => {
    session.reload((error) => done(error ? `error: ${error}` : dataOf(withSession(socket.request).session)));
  });
});

const sockets = new WebSocketServer({ noServer: true });
server.on('upgrade', (request, socket, head) => {
  if (!request.url?.startsWith('/ws')) return;
  // As the guides of ws and express-session have it: there is no response here. Others make one, through which nothing is sent.
  const none = request.url === '/ws' ? ({} as Response) : new ServerResponse(request);
  middleware(request, none, (error) => {
    if (error) return socket.destroy();
    sockets.handleUpgrade(request, socket, head, (client) => {
      const { session } = withSession(request);
      client.on('message', (message) => {
        session.said = String(message);
        session.save((failed) => client.send(failed ? `error: ${failed.message}` : 'saved'));
      });
      client.send(JSON.stringify(dataOf(session)));
    });
  });
});
server.listen(Number(process.argv[3] ?? 0), host, () => ready(server));
