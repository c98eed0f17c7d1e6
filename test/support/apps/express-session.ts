/**
 * A real Express app with express-session, `express-session.ts <name> <port>`: its sessions are in the memory of this
 * process (MemoryStore). `/` counts pages, `/login` begins the session anew under a new id, `/logout` ends it.
 */
import type { AddressInfo } from 'node:net';
import express from 'express';
import session from 'express-session';
import { host } from '../host.ts';

declare module 'express-session' {
  interface SessionData {
    pages: number;
    user: string;
  }
}

const [name = 'app', port = '0'] = process.argv.slice(2);
const app = express();
app.use(session({ secret: 'a secret of the app', resave: false, saveUninitialized: false }));

app.get('/', (request, response) => {
  request.session.pages = (request.session.pages ?? 0) + 1;
  response.json({ server: name, pages: request.session.pages, user: request.session.user ?? '' });
});

app.post('/login', (request, response, next) => {
  const pages = request.session.pages ?? 0;
  request.session.regenerate((error: unknown) => {
    if (error) return next(error);
    request.session.pages = pages;
    request.session.user = 'ada';
    response.json({ server: name, pages, user: 'ada' });
  });
});

app.post('/logout', (request, response, next) => {
  request.session.destroy((error: unknown) => {
    if (error) return next(error);
    response.clearCookie('connect.sid').json({ server: name, pages: 0, user: '' });
  });
});

const server = app.listen(Number(port), host, () => {
  console.log(`listening ${(server.address() as AddressInfo).port}`);
});

process.stdin.resume().on('end', () => process.exit());
