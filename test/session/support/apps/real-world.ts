/**
 * An app as there are many: Express with express-session, Passport and flash messages, users in SQLite by callbacks, uploads by
 * multer, compressed files, Socket.IO and ws, each as its guide says. Its sessions were in files before.
 */
import { createReadStream, statSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import express, { type Request, type Response } from 'express';
import { Server as SocketServer } from 'socket.io';
import { WebSocketServer } from 'ws';
import { expressSession } from '../../../../src/session/express.ts';
import { host } from '../../../support/host.ts';
import { FileStore } from '../file-store.ts';
import { optionsOf, ready } from '../program.ts';

// Not ours: connect-flash uses util.isArray.
process.noDeprecation = true;

const require = createRequire(import.meta.url);
const passport = require('passport');
const flash = require('connect-flash');
const multer = require('multer');
const compression = require('compression');

type WithSession = IncomingMessage & { session: Request['session'] };
const withSession = (request: unknown) => request as WithSession;
const { file, folder, secret } = JSON.parse(process.argv[4] ?? '{}');

/** SQLite in a thread of its own: it calls back as native modules do, from a queue that knows nothing of requests. */
class Database {
  private readonly waiting: ((row: unknown) => void)[] = [];
  private readonly worker = new Worker(
    `const { parentPort } = require('node:worker_threads');
     const isBun = process.versions.bun !== undefined;
     const { Database, DatabaseSync } = require(isBun ? 'bun:sqlite' : 'node:sqlite');
     const db = isBun ? new Database(':memory:') : new DatabaseSync(':memory:');
     db.exec("create table users (name text primary key, role text); insert into users values ('ada', 'admin'), ('bob', 'guest')");
     parentPort.on('message', ([sql, ...values]) => parentPort.postMessage(db.prepare(sql).get(...values) ?? null));`,
    { eval: true },
  );

  constructor() {
    this.worker.on('message', (row) => this.waiting.shift()?.(row));
    this.worker.unref();
  }

  get(sql: string, value: string, done: (row: { name: string; role: string } | null) => void): void {
    this.waiting.push(done as (row: unknown) => void);
    this.worker.postMessage([sql, value]);
  }
}

const database = new Database();
const userBy = (name: string, done: (user: { name: string; role: string } | null) => void) =>
  database.get('select name, role from users where name = ?', name, done);

const app = express();
const session = expressSession({
  secret,
  resave: false,
  saveUninitialized: false,
  from: new FileStore(folder),
  limpet: optionsOf(),
});
app.use(compression({ threshold: 0 }));
app.use(session);
app.use(flash(), passport.initialize(), passport.session());

class QueryStrategy extends passport.Strategy {
  readonly name = 'query';
  authenticate({ query }: Request) {
    userBy(String(query.user), (user) => (user === null ? this.fail({ message: 'no such user' }) : this.success(user)));
  }
}
passport.use(new QueryStrategy());
passport.serializeUser((user: { name: string }, done: (error: null, id: string) => void) => done(null, user.name));
passport.deserializeUser((name: string, done: (error: null, user: unknown) => void) =>
  userBy(name, (user) => done(null, user ?? false)),
);

app.get('/login', (request, response, next) => {
  const options = { failureRedirect: '/me', failureFlash: true, successRedirect: '/me', successFlash: 'welcome' };
  passport.authenticate('query', { ...options, keepSessionInfo: true })(request, response, next);
});
app.get('/logout', (request, response, next) => {
  const { logout } = request as unknown as { logout: (done: (error: unknown) => void) => void };
  logout.call(request, (error) => (error ? next(error) : response.send('out')));
});
app.get('/me', (request, response) => {
  const { user = null, flash: messages } = request as unknown as { user?: object; flash: () => object };
  response.json({ user, messages: messages.call(request) });
});
// `flash` takes messages out, which writes; this one only reads.
app.get('/who', (request, response) => {
  const { user = null } = request as unknown as { user?: object };
  response.json({ user });
});
app.get('/all', (request, response) => {
  const { cookie: _cookie, passport: _passport, flash: _flash, ...data } = request.session;
  response.json(data);
});
app.post('/upload', multer().single('file'), (request: Request, response: Response) => {
  const { originalname, size } = (request as unknown as { file: { originalname: string; size: number } }).file;
  request.session.upload = { originalname, size, ...request.body };
  response.send('uploaded');
});
app.post('/raw', (request, response) => {
  let text = '';
  request.on('data', (piece) => (text += piece));
  request.on('end', () => {
    // Counted in the database, where the context of the request is gone for good.
    database.get('select ? as name, 0 as role', text, (row) => {
      request.session.raw = row?.name;
      request.session.save(() => response.send('kept'));
    });
  });
});
app.get('/file', (request, response) => {
  request.session.file = Number(request.session.file ?? 0) + 1;
  response.sendFile(file);
});
app.get('/stream', (request, response) => {
  request.session.stream = Number(request.session.stream ?? 0) + 1;
  response.setHeader('Content-Type', 'text/plain');
  response.setHeader('X-Size', statSync(file).size);
  createReadStream(file).pipe(response);
});

const server = createServer(app);
const io = new SocketServer(server, { destroyUpgrade: false });
io.engine.use(session);
io.on('connection', (socket) => {
  socket.on('set', (name: string, value: unknown, done: (answer: string) => void) => {
    const { session: its } = withSession(socket.request);
    its.reload((failed) => {
      if (failed) return done(`error: ${failed}`);
      const { session: fresh } = withSession(socket.request);
      fresh[name] = value;
      fresh.save((error) => done(error ? `error: ${error.message}` : 'saved'));
    });
  });
});

const sockets = new WebSocketServer({ noServer: true });
server.on('upgrade', (request, socket, head) => {
  if (request.url !== '/ws') return;
  session(request, {} as Response, (error) => {
    if (error) return socket.destroy();
    sockets.handleUpgrade(request, socket, head, (client) => {
      client.on('message', (message) => {
        const { session: its } = withSession(request);
        its.ws = String(message);
        its.save((failed) => client.send(failed ? `error: ${failed.message}` : 'saved'));
      });
    });
  });
});
server.listen(Number(process.argv[3] ?? 0), host, () => ready(server));
