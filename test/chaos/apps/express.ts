/**
 * The app on express-session's API (`expressSession` of limpet/express), written as an app has to be whose requests of a session
 * run at the same time: what is read before it is written is read anew (`reload`) in the same turn, and each thing of the
 * cart is a name of its own, for express-session copies the session for each request.
 */
import express, { type ErrorRequestHandler, type Request } from 'express';
import { expressSession } from '../../../src/session/express.ts';
import { isAnswered, listen, options, type State, seenIn } from './program.ts';

declare module 'express-session' {
  interface SessionData {
    user: string;
    count: number;
    filling: string;
    [thing: `cart:${string}`]: number;
  }
}

type Session = Request['session'];
type Done = (error?: unknown) => void;

const prefix = 'cart:';

function dataOf({ cookie: _cookie, ...data }: Session): Record<string, unknown> {
  return data;
}

function stateOf(session: Session): State {
  const { user = '', count = 0, filling = '', ...rest } = dataOf(session);
  // In the order in which they were put in: no name of theirs is a number.
  const cart = Object.keys(rest).map((name) => name.slice(prefix.length));
  return { user: String(user), cart, count: Number(count), filling: String(filling) };
}

/** Every second sign-out ends the Limpet session as well. */
function isWhole({ query }: Request): boolean {
  return Number(String(query.op).split('.').at(-1)) % 2 === 0;
}

/** Changes what is kept by now, with nothing in between. */
function change(request: Request, edit: (session: Session) => void, done: Done): void {
  request.session.reload((error) => {
    if (error) return done(error);
    edit(request.session);
    request.session.save(done);
  });
}

const acts: Record<string, (request: Request, done: Done) => void> = {
  '': (_request, done) => done(),
  'sign-in'(request, done) {
    request.session.regenerate((error) => {
      if (error) return done(error);
      request.session.user = String(request.query.user);
      done();
    });
  },
  rotate(request, done) {
    request.session.reload((error) => {
      if (error) return done(error);
      const kept = dataOf(request.session);
      request.session.regenerate((failed) => {
        if (failed) return done(failed);
        Object.assign(request.session, kept);
        done();
      });
    });
  },
  add(request, done) {
    request.session[`${prefix}${request.query.op}`] = 1;
    // Others have added as well: their things stand where they were kept.
    request.session.save((error) => (error ? done(error) : request.session.reload(done)));
  },
  throw(request) {
    request.session[`${prefix}${request.query.op}`] = 1;
    throw new Error('as it was asked');
  },
  fill(request, done) {
    const filling = 'x'.repeat(Number(request.query.size));
    change(request, (session) => void (session.filling = filling), done);
  },
  overfill(request, done) {
    request.session.filling = 'x'.repeat(Number(request.query.size));
    done();
  },
  count(request, done) {
    const add = (session: Session) => void (session.count = Number(session.count ?? 0) + 1);
    setTimeout(() => change(request, add, done), 2);
  },
  'sign-out'(request, done) {
    request.session.destroy((error) => {
      if (error || !isWhole(request)) return done(error);
      request.limpet.destroy().then(() => done(), done);
    });
  },
};

const app = express();
app.use((request, response, next) => {
  request.resume();
  if (!isAnswered(request, response)) next();
});
app.use(expressSession({ secret: 'of the app under test', resave: false, saveUninitialized: false, limpet: options }));
app.use((request, response, next) => {
  const { op = '', wait = 0 } = request.query;
  const act = acts[request.path.slice(1)];
  if (act === undefined) return next();
  const before = stateOf(request.session);
  act(request, (error) => {
    if (error) return next(error);
    const { session } = request as { session?: Session };
    // Signed out: what there was.
    const seen = seenIn(request.limpet, session === undefined ? before : stateOf(session), String(op));
    setTimeout(() => response.json(seen), Number(wait));
  });
});
const onError: ErrorRequestHandler = (error, _request, response, next) => {
  if (response.headersSent) return next(error);
  const { status = 500, code } = error;
  if (code !== undefined) response.set('Limpet-Reason', code);
  response.status(status).send(error.message);
};
app.use(onError);
listen(app);
