/**
 * What the test apps do, apart from any framework: each path is one way in which apps use sessions. `hold` waits inside a
 * handler until another request fires its signal, so that a race happens the same way each time.
 */
import type { Session } from '../../../src/session/index.ts';
import type { Outside } from './jobs.ts';

export interface Reply {
  readonly status: number;
  readonly headers: Record<string, string>;
  /** More than one piece is streamed; between the pieces the handler goes on working. */
  readonly body: string | AsyncGenerator<string>;
}

interface Signal {
  readonly arrived: PromiseWithResolvers<void>;
  readonly fired: PromiseWithResolvers<void>;
}

const signals = new Map<string, Signal>();

function signalOf(name: string): Signal {
  const signal = signals.get(name) ?? { arrived: Promise.withResolvers<void>(), fired: Promise.withResolvers<void>() };
  signals.set(name, signal);
  return signal;
}

/** Waits until `/fire?signal=` of the same name; `/arrived?signal=` answers as soon as somebody waits. */
export async function wait(name: string): Promise<void> {
  const signal = signalOf(name);
  signal.arrived.resolve();
  await signal.fired.promise;
}

/** Paths that have no session. */
export async function control(url: URL): Promise<Reply | null> {
  const name = url.searchParams.get('signal') ?? '';
  if (url.pathname === '/arrived') await signalOf(name).arrived.promise;
  else if (url.pathname === '/fire') signalOf(name).fired.resolve();
  else return null;
  return text('ok');
}

/** `app`: where there is something to do with other sessions than this one. */
export async function act(url: URL, session: Session, app?: Outside): Promise<Reply> {
  const name = url.searchParams.get('name') ?? 'value';
  const value = url.searchParams.get('value') ?? '';
  const signal = url.searchParams.get('signal') ?? '';
  switch (url.pathname) {
    case '/info': {
      const { id, epoch, reason, isNew, strategy, survivesCrash } = session;
      return text(JSON.stringify({ id, epoch, reason, isNew, strategy, survivesCrash, pid: process.pid }));
    }
    case '/all':
      return text(JSON.stringify(session.data));
    case '/set':
      session.set(name, value);
      return text('set');
    case '/deep':
      session.data.list = [...listOf(session.data.list), value];
      return text('added');
    case '/hold':
      await wait(signal);
      session.set(name, value);
      return text('held');
    case '/set-held':
      session.set(name, value);
      await wait(signal);
      return text('set');
    case '/hold-read':
      await wait(signal);
      return text(JSON.stringify(session.get(name) ?? null));
    case '/update':
      await session.update(async (data) => {
        const before = Number(data.count ?? 0);
        await new Promise((done) => setImmediate(done));
        data.count = before + 1;
      });
      return text('counted');
    case '/raise':
      await wait(signal);
      await session.regenerate();
      session.set(name, value);
      return text('raised');
    case '/redirect':
      session.set(name, value);
      return { status: 302, headers: { location: '/all' }, body: 'go' };
    case '/login':
      await session.regenerate();
      session.set('user', value);
      return text(session.id);
    case '/login-held':
      await session.regenerate();
      session.set('user', value);
      await wait(signal);
      return text(session.id);
    case '/sign-in':
      if (url.searchParams.has('fresh')) await session.regenerate();
      session.user = value;
      if (name !== 'value') session.label = name;
      session.set('user', value);
      if (signal !== '') await wait(signal);
      return text(session.id);
    case '/sign-in-caught':
      await session.regenerate();
      session.user = value;
      session.set('user', value);
      return text(await session.save().then(() => 'kept', codeOf));
    case '/sign-in-throw':
      session.user = value;
      session.set('user', value);
      throw new Error('as it was asked');
    case '/whose':
      return text(JSON.stringify([session.user ?? null, session.label]));
    case '/sign-out':
      session.user = null;
      session.delete('user');
      return text('out');
    /** A new password: a fresh id, and all others are over. */
    case '/end-others':
      await session.regenerate();
      return text(String(await app?.destroySessions(value, { except: session })));
    case '/end-all':
      await app?.destroySessions(value);
      if (url.searchParams.has('too')) await session.destroy();
      return text('all');
    case '/cookie':
      if (value !== '') session.setCookie(JSON.parse(value));
      return text(JSON.stringify(session.cookie));
    case '/cookie-held':
      session.setCookie(JSON.parse(value));
      await wait(signal);
      return text('set');
    case '/cookie-throw':
      session.setCookie(JSON.parse(value));
      throw new Error('as it was asked');
    case '/cookie-late':
      return cookieLate(session, value);
    case '/login-cookie':
      await session.regenerate();
      session.setCookie(JSON.parse(value));
      return text(session.id);
    case '/logout':
      await session.destroy();
      return text('bye');
    case '/logout-held':
      await session.destroy();
      await wait(signal);
      return text('bye');
    case '/use-after-logout':
      await session.destroy();
      try {
        session.set(name, value);
        return text('no error');
      } catch (error) {
        return text(String(error));
      }
    case '/large':
      session.set(name, 'x'.repeat(Number(value)));
      return text('large');
    case '/late':
      return stream(session, name, value, {});
    case '/late-length':
      return stream(session, name, value, { 'content-length': String('first last'.length) });
    case '/date':
      session.set(name, new Date(0));
      return text('date');
    case '/save':
      session.set(name, value);
      await session.save();
      await wait(signal);
      return text('saved');
    case '/status':
      session.set(name, value);
      return { status: Number(value), headers: {}, body: 'as it was asked' };
    case '/refused':
      session.set('before', '1');
      if (url.searchParams.get('by') === 'set') session.set(name, refused(value));
      else session.data[name] = refused(value);
      return text('not refused');
    case '/refused-held':
      session.data[name] = new Date(0);
      await wait(signal);
      return text('not refused');
    case '/refused-caught':
      session.set('before', '1');
      session.data[name] = refused(value);
      return text(await session.save().then(() => 'no error', codeOf));
    case '/logout-refused':
      session.data[name] = refused(value);
      await session.destroy();
      return text('bye');
    case '/throw':
      session.data.list = [...listOf(session.data.list), value];
      session.set(name, value);
      throw new Error('as it was asked');
    case '/throw-held':
      session.set(name, value);
      await wait(signal);
      throw new Error('as it was asked');
    case '/late-held':
      return lateHeld(session, name, value, signal);
    case '/throw-late':
      return throwing(session, name, value);
    case '/login-throw':
      session.set(name, value);
      await session.regenerate();
      session.set('user', value);
      if (signal !== '') await wait(signal);
      throw new Error('as it was asked');
    case '/update-throw':
      session.set('before', '1');
      return text(
        await session
          .update(async (data) => {
            data[name] = value;
            await new Promise((done) => setImmediate(done));
            throw new Error('as it was asked');
          })
          .catch(String),
      );
    case '/update-refused':
      return text(await session.update((data) => void (data[name] = refused(value))).then(() => 'no error', codeOf));
    case '/update-nested':
      await session.update(async (data) => {
        data.outer = value;
        await session.update((inner) => void (inner.inner = inner.outer));
        await session.update(() => Promise.reject(new Error('the inner one alone'))).catch(() => {});
      });
      return text('updated');
    default:
      return { status: 404, headers: {}, body: 'nothing here' };
  }
}

function stream(session: Session, name: string, value: string, headers: Record<string, string>): Reply {
  async function* pieces() {
    yield 'first ';
    await new Promise((done) => setImmediate(done));
    session.set(name, value);
    yield 'last';
  }
  return { status: 200, headers, body: pieces() };
}

function throwing(session: Session, name: string, value: string): Reply {
  async function* pieces() {
    yield 'first ';
    session.set(name, value);
    await new Promise((done) => setImmediate(done));
    throw new Error('as it was asked');
  }
  return { status: 200, headers: {}, body: pieces() };
}

function lateHeld(session: Session, name: string, value: string, signal: string): Reply {
  async function* pieces() {
    yield 'first ';
    session.set(name, value);
    await wait(signal);
    yield 'last';
  }
  return { status: 200, headers: {}, body: pieces() };
}

/** What cannot be kept, by name. */
export const refusedNames = ['date', 'map', 'bigint', 'cycle', 'getter', 'undefined', 'function', 'symbol'] as const;

function refused(what: string): unknown {
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  const getter = {
    get value(): never {
      throw new Error('as it was asked');
    },
  };
  switch (what) {
    case 'date':
      return new Date(0);
    case 'map':
      return new Map();
    case 'bigint':
      return 1n;
    case 'cycle':
      return cycle;
    case 'getter':
      return getter;
    case 'function':
      return () => what;
    case 'symbol':
      return Symbol(what);
    case 'large':
      return 'x'.repeat(2 << 20);
    default:
      return undefined;
  }
}

function codeOf(error: unknown): string {
  return String(Object(error).code);
}

function cookieLate(session: Session, value: string): Reply {
  async function* pieces() {
    yield 'first ';
    await new Promise((done) => setImmediate(done));
    try {
      session.setCookie(JSON.parse(value));
    } catch (error) {
      yield codeOf(error);
    }
  }
  return { status: 200, headers: {}, body: pieces() };
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(body: string): Reply {
  return { status: 200, headers: { 'content-type': 'text/plain' }, body };
}
