/** What `request.session` and `request.sessionStore` do when they are called. */
import { type Behaviour, freshId, hour } from './behaviour.ts';
import type { Client } from './client.ts';
import { type Act, behaviour, dataOf } from './express-app.ts';

const begin = (client: Client) => client.get('/set?who=ada');
const kindOf = (value: unknown) => (value === null ? 'null' : typeof value);

const acts: Record<string, Act> = {
  '/login': (request, response, { next }) => {
    request.session.regenerate((error) => {
      if (error) return next(error);
      Object.assign(request.session, { user: 'ada' });
      request.session.save((failed) => (failed ? next(failed) : response.redirect('/all')));
    });
  },
  '/login-plain': (request, response, { next }) => {
    request.session.regenerate((error) => {
      Object.assign(request.session, { user: 'ada' });
      if (error) next(error);
      else response.send('in');
    });
  },
  '/regenerate-only': (request, response, { note }) => {
    const before = request.session;
    request.session.regenerate((error) => {
      note('error', error ?? null, 'another object', before !== request.session, dataOf(request));
      note('id is sessionID', request.session.id === request.sessionID);
      response.send('regenerated');
    });
  },
  '/regenerate-twice': (request, response) => {
    request.session.regenerate(() =>
      request.session.regenerate(() => {
        Object.assign(request.session, { n: 2 });
        response.send('twice');
      }),
    );
  },
  '/destroy-only': (request, response, { note }) => {
    const { session } = request;
    session.destroy((error) => {
      note('error', error ?? null, 'request.session', kindOf(request.session), 'sessionID', request.sessionID);
      response.send('destroyed');
    });
  },
  '/destroy-silent': (request, response) => {
    request.session.destroy(() => {});
    setImmediate(() => setImmediate(() => response.send('gone')));
  },
  '/destroy-twice': (request, response, { note }) => {
    const { session } = request;
    session.destroy(() => session.destroy((error) => response.send(String(note('again', error ?? null) ?? 'twice'))));
  },
  '/change-and-destroy': (request, response) => {
    Object.assign(request.session, { who: 'changed' });
    request.session.destroy(() => response.send('destroyed'));
  },
  '/destroy-and-begin': (request, response, { note }) => {
    const { sessionStore } = request;
    request.session.destroy(() => {
      Reflect.get(sessionStore, 'generate').call(sessionStore, request);
      note('fresh', dataOf(request));
      Object.assign(request.session, { who: 'new' });
      response.send('begun');
    });
  },
  '/reload': (request, response, { note }) => {
    const before = request.session;
    Object.assign(request.session, { who: 'not kept', more: 1 });
    request.session.reload((error) => {
      note('error', error ?? null, 'another object', before !== request.session, dataOf(request));
      response.send('reloaded');
    });
  },
  '/reload-and-change': (request, response) => {
    request.session.reload(() => {
      Object.assign(request.session, { after: 'reload' });
      response.send('changed');
    });
  },
  '/reload-and-save': (request, response) => {
    request.session.reload(() => {
      Object.assign(request.session, { after: 'reload' });
      request.session.save(() => response.send('saved'));
    });
  },
  '/reload-ended': (request, response, { note }) => {
    const { session, sessionStore, sessionID } = request;
    sessionStore.destroy(sessionID, () =>
      session.reload((error) => {
        note('error', error ?? null);
        response.send('reloaded');
      }),
    );
  },
  '/save': (request, response, { note }) => {
    Object.assign(request.session, { who: 'saved' });
    const answer = request.session.save((error) => {
      note('error', error ?? null);
      response.send('saved');
    });
    note('chains', answer === request.session);
  },
  '/save-silent': (request, response) => {
    Object.assign(request.session, { who: 'silent' });
    request.session.save();
    response.send('saved');
  },
  '/save-new': (request, response, { note }) => {
    request.session.save((error) => {
      note('error', error ?? null);
      response.send('saved');
    });
  },
  '/touch': (request, response, { note }) => {
    note('chains', request.session.touch() === request.session, request.session.resetMaxAge() === request.session);
    note(new Date(Date.now() + Number(request.session.cookie.maxAge)));
    response.send('touched');
  },
  '/id': (request, response, { note }) => {
    note('the same', request.session.id === request.sessionID, 'of that many characters', request.sessionID.length);
    note(Reflect.set(request.session, 'id', 'mine'), request.session.id === 'mine');
    note('not listed', !Object.keys(request.session).includes('id'), !Object.keys(request.session).includes('req'));
    response.send('id');
  },
  '/names': (request, response) => {
    Object.assign(request.session, JSON.parse('{"constructor":"b","__proto__":"c","toString":1,"plain":1}'));
    response.send('named');
  },
  '/values': (request, response) => {
    const when = new Date(0);
    Object.assign(request.session, {
      when,
      none: undefined,
      nothing: null,
      not: Number.NaN,
      list: [undefined, 1],
      text: 'ü€𝄞',
    });
    Object.assign(request.session, { f: () => 1, nested: { when, deep: { deeper: [[]] } }, map: new Map([[1, 2]]) });
    response.send('set');
  },
  '/store-get': async (request, response, { note }) => {
    const { sessionStore } = request;
    const id = String(request.query.id ?? request.sessionID);
    sessionStore.get(id, (error, found) => {
      const { cookie, ...data } = found ?? { cookie: null };
      note(
        'error',
        error ?? null,
        'found',
        found ? 'yes' : 'no',
        data,
        cookie === null ? 'none' : Object.keys(cookie).includes('path'),
      );
      response.send('got');
    });
  },
  '/store-load': (request, response, { note }) => {
    request.sessionStore.load(request.sessionID, (error, found) => {
      note('error', error ?? null, found?.id === request.sessionID, found?.cookie?.constructor.name ?? null);
      response.send('loaded');
    });
  },
  '/store-set': (request, response, { note }) => {
    const value = { ...JSON.parse(JSON.stringify(request.session)), by: 'the store' };
    request.sessionStore.set(request.sessionID, value, (error) => {
      note('error', error ?? null);
      Object.assign(request, { session: undefined });
      response.send('set');
    });
  },
  '/store-destroy': (request, response, { note }) => {
    request.sessionStore.destroy(request.sessionID, (error) => {
      note('error', error ?? null);
      Object.assign(request, { session: undefined });
      response.send('destroyed');
    });
  },
  '/store-destroy-other': (request, response, { note }) => {
    request.sessionStore.destroy(freshId(), (error) => {
      note('error', error ?? null);
      response.send('destroyed');
    });
  },
  '/store-kind': (request, response, { note }) => {
    const { sessionStore } = request;
    for (const name of [
      'on',
      'emit',
      'get',
      'set',
      'destroy',
      'touch',
      'load',
      'regenerate',
      'createSession',
      'generate',
    ])
      note(name, kindOf(Reflect.get(sessionStore, name)));
    response.send('kind');
  },
  '/store-all': (request, response, { note }) => {
    const { sessionStore } = request;
    for (const name of ['all', 'length', 'clear']) note(name, kindOf(Reflect.get(sessionStore, name)));
    response.send('all');
  },
  '/methods': (request, response, { note }) => {
    for (const name of ['regenerate', 'destroy', 'reload', 'save', 'touch', 'resetMaxAge'])
      note(name, kindOf(Reflect.get(request.session, name)));
    response.send('methods');
  },
};

const story = (name: string, paths: readonly string[], options = {}): Behaviour =>
  behaviour(name, { acts, options }, async (client) => {
    await begin(client);
    for (const path of paths) await client.get(path);
    await client.get('/all');
  });

export const methods: readonly Behaviour[] = [
  story('regenerate: a fresh id, nothing of the data, another object', ['/regenerate-only']),
  story('regenerate, and write to it', ['/login-plain']),
  story('regenerate, save, redirect: the login of the guides', ['/login']),
  story('regenerate twice', ['/regenerate-twice']),
  story('regenerate with saveUninitialized', ['/regenerate-only'], { saveUninitialized: true }),
  behaviour('after regenerate the old id has nothing', { acts }, async (client) => {
    await begin(client);
    const before = client.twin();
    await client.get('/login-plain');
    await before.get('/all');
    client.note('another id', client.sid() !== before.sid());
  }),
  behaviour('after regenerate, a write with the old cookies', { acts }, async (client) => {
    await begin(client);
    const before = client.twin();
    await client.get('/login-plain');
    await before.get('/set?who=eve');
    await client.get('/all');
  }),
  behaviour('regenerate of a visitor', { acts }, async (client) => {
    await client.get('/login-plain');
    await client.get('/all');
  }),
  story('destroy', ['/destroy-only']),
  story('destroy, and nobody waits for it', ['/destroy-silent']),
  story('destroy twice', ['/destroy-twice']),
  story('destroy after a change', ['/change-and-destroy']),
  story('destroy, and begin another one by generate', ['/destroy-and-begin']),
  behaviour('after destroy the cookie that a client still has is nothing', { acts }, async (client) => {
    await begin(client);
    const before = client.twin();
    await client.get('/destroy');
    await before.get('/show');
    await before.get('/set?who=eve');
    await before.get('/all');
  }),
  behaviour('destroy of a visitor', { acts }, async (client) => {
    await client.get('/destroy-only');
    await client.get('/all');
  }),
  story('reload', ['/reload']),
  story('reload, then a change', ['/reload-and-change']),
  story('reload, then a change, then save', ['/reload-and-save']),
  behaviour('reload of a session that is not kept', { acts }, async (client) => {
    await client.get('/reload');
  }),
  behaviour('reload of a session that has ended', { acts }, async (client) => {
    await begin(client);
    await client.get('/reload-ended');
  }),
  story('reload with rolling and maxAge', ['/reload'], { rolling: true, cookie: { maxAge: hour } }),
  story('save', ['/save']),
  story('save without a callback', ['/save-silent']),
  behaviour('save of a visitor who has nothing, and gets no cookie', { acts }, async (client) => {
    await client.get('/save-new');
    await client.get('/all');
  }),
  behaviour(
    'save of a visitor with saveUninitialized',
    { acts, options: { saveUninitialized: true } },
    async (client) => {
      await client.get('/save-new');
      await client.get('/show');
    },
  ),
  story('touch and resetMaxAge', ['/touch', '/cookie'], { cookie: { maxAge: hour } }),
  story('id', ['/id']),
  story('the methods', ['/methods']),
  story('names of methods as data', ['/names']),
  story('values as JSON has them', ['/values']),
  story('the store: get', ['/store-get', '/store-get?id=nobody']),
  story('the store: load', ['/store-load']),
  story('the store: set', ['/store-set']),
  story('the store: destroy', ['/store-destroy']),
  story('the store: destroy what is not there', ['/store-destroy-other']),
  story('the store: its methods', ['/store-kind']),
  story('the store: all, length, clear', ['/store-all']),
  behaviour('the store: get of another client’s session by its id', { acts }, async (client) => {
    const other = client.other();
    await other.get('/set?who=bob');
    await begin(client);
    const id = /^s:(.*)\./.exec(decodeURIComponent(other.sid()))?.[1] ?? '';
    await client.get(`/store-get?id=${encodeURIComponent(id)}`);
  }),
];
