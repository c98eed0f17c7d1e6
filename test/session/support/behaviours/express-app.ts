/** Behaviours of express-session: the app of a story, on the library itself and on ours. */
import express, { type ErrorRequestHandler, type Request, type Response } from 'express';
import expressSession from 'express-session';
import { type ExpressSessionOptions, expressSession as ours } from '../../../../src/session/express.ts';
import { type Behaviour, type Faults, parserSecret, type Stage, secret, type Tools } from './behaviour.ts';
import { minutes } from './transcript.ts';

export type Options = Partial<Omit<ExpressSessionOptions, 'limpet'>>;
export type Act = (request: Request, response: Response, tools: Tools) => unknown;
export type Middleware = (request: Request, response: Response, next: (error?: unknown) => void) => void;

interface App {
  /** A function where there are dates in them. */
  readonly options: Options | (() => Options);
  readonly acts: Readonly<Record<string, Act>>;
  /** In front of the session. */
  readonly before: readonly Middleware[];
  /** The session is mounted there, and seen under it only. */
  readonly mount: string;
  /** Of Express: `trust proxy` and the like. */
  readonly settings: Readonly<Record<string, unknown>>;
}

export function behaviour(name: string, what: Partial<App>, play: Behaviour['play']): Behaviour {
  const app: App = { options: {}, acts: {}, before: [], mount: '/', settings: {}, ...what };
  const { secret: secrets = secret } = optionsOf(app);
  return {
    name,
    secrets: [...(typeof secrets === 'string' ? [secrets] : secrets), parserSecret],
    listen: (stage) => appOf(app, stage),
    play,
  };
}

function optionsOf({ options }: App): Options {
  return typeof options === 'function' ? options() : options;
}

function appOf(told: App, { limpet, transcript, faults }: Stage): express.Express {
  const app = express();
  for (const [name, value] of Object.entries(told.settings)) app.set(name, value);
  for (const middleware of told.before) app.use(middleware);
  const options = { secret, resave: false, saveUninitialized: false, ...optionsOf(told) };
  const session = (
    limpet === null
      ? expressSession({ ...(options as expressSession.SessionOptions), store: new OwnStore(faults) })
      : ours({ ...options, limpet })
  ) as Middleware;
  const note = (...values: unknown[]) => transcript.note(...values);
  const acts = { ...usual, ...told.acts };
  app.use(told.mount, (request, response, next) => session(request, response, next));
  app.use((request: Request, response, next) => {
    transcript.learn(request.sessionID);
    const act = acts[request.path];
    if (act === undefined) return next();
    return act(request, response, { note, next });
  });
  const onError: ErrorRequestHandler = (error, _request, response, _next) => {
    note('next', error);
    if (!response.headersSent) response.status(500).send('an error');
  };
  app.use(onError);
  return app;
}

const away = () => new Error('the store is away');

/** Its own store, which can fail. */
class OwnStore extends expressSession.MemoryStore {
  private readonly faults: Faults;

  constructor(faults: Faults) {
    super();
    this.faults = faults;
  }

  override get(...args: Parameters<expressSession.MemoryStore['get']>): void {
    if (this.faults.current === 'get') setImmediate(args[1], away());
    else super.get(...args);
  }
  override set(...args: Parameters<expressSession.MemoryStore['set']>): void {
    if (this.faults.current === 'set') setImmediate(() => args[2]?.(away()));
    else super.set(...args);
  }
  override destroy(...args: Parameters<expressSession.MemoryStore['destroy']>): void {
    if (this.faults.current === 'destroy') setImmediate(() => args[1]?.(away()));
    else super.destroy(...args);
  }
  override touch(id: string, value: expressSession.SessionData, done: () => void): void {
    if (this.faults.current === 'touch') setImmediate(done as (error: Error) => void, away());
    else super.touch(id, value, done);
  }
}

/** The data, without what express-session puts there. */
export function dataOf(request: Request): unknown {
  if (!request.session) return null;
  const { cookie: _cookie, ...data } = request.session;
  return data;
}

/** Acts that many stories have. */
export const usual: Readonly<Record<string, Act>> = {
  '/show': (request, response) => response.json({ id: request.sessionID, data: dataOf(request) }),
  '/all': (request, response) => response.json(dataOf(request)),
  '/set': (request, response) => {
    Object.assign(request.session, request.query);
    response.send('set');
  },
  '/cookie': (request, response, { note }) => {
    const { cookie } = request.session;
    note('maxAge', cookie.maxAge === null ? null : minutes(Date.now() + Number(cookie.maxAge)));
    const { originalMaxAge } = cookie;
    note(
      'originalMaxAge',
      originalMaxAge === null ? null : minutes(Date.now() + originalMaxAge),
      cookie.expires ?? null,
    );
    note(cookie.path, cookie.domain ?? null, cookie.httpOnly, cookie.secure ?? null, cookie.sameSite ?? null);
    response.send('cookie');
  },
  '/destroy': (request, response, { next }) => {
    request.session.destroy((error) => (error ? next(error) : response.send('destroyed')));
  },
  '/regenerate': (request, response, { next }) => {
    const before = request.sessionID;
    request.session.regenerate((error) =>
      error ? next(error) : response.json({ same: request.sessionID === before, data: dataOf(request) }),
    );
  },
};
