/** What @fastify/session documents: its options, the methods of a session, and which cookies count. */
import { until } from '../../../support/until.ts';
import { type Behaviour, freshId, hour, secret, sign } from './behaviour.ts';
import type { Client } from './client.ts';
import { fastifyBehaviour as behaviour, dataIn, type FastifyAct, type FastifyOptions } from './fastify-app.ts';
import { minutes } from './transcript.ts';

const begin = (client: Client) => client.get('/set?who=ada');
const name = 'sessionId';
const signed = (id: string, by = secret) => encodeURIComponent(sign(id, by));
const idOf = (sid: string) => decodeURIComponent(sid).split('.')[0] ?? '';

function hostile(what: string, madeFrom: (sid: string) => string): Behaviour {
  return behaviour(`a cookie that counts for nothing: ${what}`, {}, async (client) => {
    await begin(client);
    const value = madeFrom(client.sid(name));
    const attacker = client.twin();
    attacker.setSid(value, name);
    await attacker.get('/all');
    await attacker.get('/set?who=eve');
    client.note('adopted', attacker.sid(name) === value);
    await client.get('/all');
  });
}

const cookieOf: FastifyAct = (request, reply, { note }) => {
  const { maxAge, expires, originalMaxAge, ...rest } = request.session.cookie as unknown as Record<string, never>;
  note(maxAge === null ? null : minutes(Date.now() + Number(maxAge)), expires ?? null);
  note(
    originalMaxAge ?? null,
    rest.path,
    rest.httpOnly,
    rest.secure ?? null,
    rest.sameSite ?? null,
    rest.domain ?? null,
  );
  return reply.send('cookie');
};

/** The same story with different options. */
function options(what: string, given: FastifyOptions | (() => FastifyOptions), settings = {}, headers = {}): Behaviour {
  return behaviour(what, { options: given, settings, acts: { '/cookie': cookieOf } }, async (client) => {
    await client.get('/all', { headers });
    await begin(client);
    await client.get('/set?who=ada', { headers });
    await client.get('/cookie', { headers });
    await client.get('/set?more=1', { headers });
    await client.get('/all', { headers });
  });
}

const acts: Record<string, FastifyAct> = {
  '/login': async (request) => {
    await request.session.regenerate(['who']);
    request.session.set('user', 'ada');
    return 'in';
  },
  '/regenerate-callback': (request, reply, { note }) => {
    request.session.regenerate((error) => {
      note('error', error ?? null, dataIn(request));
      reply.send('regenerated');
    });
  },
  '/destroy-callback': (request, reply, { note }) => {
    request.session.destroy((error) => {
      note('error', error ?? null, request.session);
      reply.send('destroyed');
    });
  },
  '/destroy-twice': async (request) => {
    const { session } = request;
    await session.destroy();
    await session.destroy();
    return 'destroyed';
  },
  '/reload': async (request, _reply, { note }) => {
    const before = request.session;
    request.session.set('who', 'not kept');
    await request.session.reload();
    note('another object', before !== request.session, dataIn(request));
    return 'reloaded';
  },
  '/save': async (request, _reply, { note }) => {
    request.session.set('who', 'saved');
    note(request.session.isModified(), request.session.isSaved());
    await request.session.save();
    note(request.session.isModified(), request.session.isSaved());
    return 'saved';
  },
  '/save-callback': (request, reply, { note }) => {
    request.session.set('who', 'saved');
    request.session.save((error) => {
      note('error', error ?? null);
      reply.send('saved');
    });
  },
  '/save-new': async (request) => {
    await request.session.save();
    return 'saved';
  },
  '/touch': async (request, _reply, { note }) => {
    request.session.touch();
    note(request.session.cookie.expires ?? null);
    return 'touched';
  },
  '/options': async (request) => {
    request.session.set('who', 'ada');
    request.session.options({ maxAge: 48 * hour, httpOnly: false });
    return 'options';
  },
  '/get': async (request, _reply, { note }) => {
    note(request.session.get('who'), request.session.get('nothing') ?? null, request.session.who ?? null);
    return 'got';
  },
  '/plain': async (request) => {
    Object.assign(request.session, { plain: { deep: [1] } });
    return 'set';
  },
  '/deep': async (request) => {
    const { plain = { deep: [] } } = request.session as unknown as { plain?: { deep: number[] } };
    plain.deep.push(2);
    return 'pushed';
  },
  '/ids': async (request, _reply, { note }) => {
    const { sessionId, encryptedSessionId } = request.session;
    note(sessionId.length, encryptedSessionId === sign(sessionId, secret), typeof request.sessionStore.get);
    return 'ids';
  },
  '/decrypt': async (request, _reply, { note }) => {
    const asked = { session: undefined as unknown, cookies: {} };
    const { server } = request;
    await new Promise<void>((done) => {
      server.decryptSession(String(request.query.cookie), asked as never, (() => done()) as never);
    });
    note(JSON.parse(JSON.stringify(asked.session ?? null))?.who ?? 'nobody');
    return 'decrypted';
  },
  '/store-get': async (request, _reply, { note }) => {
    const id = String(request.query.id ?? request.session.sessionId);
    await new Promise<void>((done) => {
      request.sessionStore.get(id, (error, found) => {
        note('error', error ?? null, JSON.parse(JSON.stringify(found ?? null))?.who ?? 'nothing');
        done();
      });
    });
    return 'got';
  },
  '/save-and-fail': async (request, reply) => {
    request.session.set('who', 'saved');
    await request.session.save();
    return reply.status(500).send('failed');
  },
  '/throw': async (request) => {
    request.session.set('who', 'of a request that failed');
    throw new Error('a mistake');
  },
  '/status': async (request, reply) => {
    request.session.set('who', String(request.query.status));
    return reply.status(Number(request.query.status)).send('status');
  },
  '/cookies': async (request, reply) => {
    request.session.set('who', 'ada');
    return reply.setCookie('mine', '1').send('cookies');
  },
};

const story = (what: string, paths: readonly string[], given: FastifyOptions = {}): Behaviour =>
  behaviour(what, { acts, options: given }, async (client) => {
    await begin(client);
    for (const path of paths) await client.get(path);
    await client.get('/all');
  });

const waiting = new Map<string, () => void>();
const slow: Record<string, FastifyAct> = {
  '/slow': async (request) => {
    await new Promise<void>((go) => waiting.set(request.query.key ?? '', go));
    request.session.set(request.query.key ?? '', '1');
    return 'slow';
  },
};

async function held(client: Client, key: string): Promise<() => Promise<unknown>> {
  const answer = client.get(`/slow?key=${key}`);
  await until(`the app has read ${key}`, () => waiting.has(key), 10_000, 1);
  return () => {
    waiting.get(key)?.();
    waiting.delete(key);
    return answer;
  };
}

function failing(what: string, path: string, method: 'get' | 'set' | 'destroy'): Behaviour {
  return behaviour(`a store that fails: ${what}`, { acts }, async (client, { fault }) => {
    await begin(client);
    fault(method);
    await client.get(path);
    fault(null);
    await client.get('/all');
  });
}

const plain = { secure: false };
const overTls = { 'x-forwarded-proto': 'https' };

export const fastify: readonly Behaviour[] = [
  behaviour('a visitor is somebody new, and comes back by the cookie', {}, async (client) => {
    await client.get('/all');
    await begin(client);
    await client.get('/all');
    await client.other().get('/all');
  }),
  hostile('no signature', idOf),
  hostile('an empty signature', (sid) => `${idOf(sid)}.`),
  hostile('a signature cut short', (sid) => sid.slice(0, -3)),
  hostile('another id under the same signature', (sid) => (sid.startsWith('A') ? 'B' : 'A') + sid.slice(1)),
  hostile('signed by another secret', (sid) => signed(idOf(sid), 'another secret than that of the app')),
  hostile('an id nobody has given out, rightly signed', () => signed(freshId())),
  hostile('the name of something every object has, rightly signed', () => signed('constructor')),
  hostile('very long', () => 'x'.repeat(6000)),
  options('as it is by default', {}),
  options('rolling false', { rolling: false }),
  options('saveUninitialized true', { saveUninitialized: true }),
  options('saveUninitialized true, rolling false', { saveUninitialized: true, rolling: false }),
  options('another name', { cookieName: 'shop.sid' }),
  options('a prefix', { cookiePrefix: 's:' }),
  options('maxAge', { cookie: { ...plain, maxAge: hour } }),
  options('maxAge, rolling false', { rolling: false, cookie: { ...plain, maxAge: hour } }),
  options('expires', () => ({ cookie: { ...plain, expires: new Date(Date.now() + 2 * hour) } })),
  options('httpOnly, sameSite, domain', {
    cookie: { ...plain, httpOnly: false, sameSite: 'strict', domain: 'example.org' },
  }),
  options('partitioned', { cookie: { ...plain, partitioned: true } as never }),
  options('secure, over plain HTTP', { cookie: { secure: true } }),
  options('secure, behind a proxy that is trusted', { cookie: { secure: true } }, { trustProxy: true }, overTls),
  options('secure auto, over plain HTTP', { cookie: { secure: 'auto' } }),
  options('secure auto, behind a proxy that is trusted', { cookie: { secure: 'auto' } }, { trustProxy: true }, overTls),
  options('idGenerator', { idGenerator: () => `of-this-app-${freshId()}` }),
  options('a short secret is refused', { secret: 'short' }),
  options('an empty list of secrets is refused', { secret: [] }),
  behaviour(
    'cookie.path: no session outside of it',
    {
      options: { cookie: { ...plain, path: '/admin' } },
      acts: {
        '/admin/set': acts['/plain'] ?? (slow['/slow'] as FastifyAct),
        '/open': async (request) => String(Object.keys(request.session ?? {}).length),
      },
    },
    async (client) => {
      await client.get('/open');
      await client.get('/admin/set');
      await client.get('/open');
    },
  ),
  behaviour(
    'secrets rotate: the first signs, all read',
    { options: { secret: ['the new secret of the app, long enough', secret] } },
    async (client) => {
      await begin(client);
      client.setSid(signed(idOf(client.sid(name))), name);
      await client.get('/all');
    },
  ),
  story('get, set and plain names', ['/get', '/plain', '/deep']),
  story('regenerate', ['/regenerate', '/get']),
  story('regenerate with a callback', ['/regenerate-callback']),
  story('regenerate that keeps some names', ['/login']),
  behaviour('after regenerate the old id has nothing', { acts }, async (client) => {
    await begin(client);
    const before = client.twin();
    await client.get('/login');
    await before.get('/all');
  }),
  story('destroy', ['/destroy']),
  story('destroy with a callback', ['/destroy-callback']),
  story('destroy twice', ['/destroy-twice']),
  behaviour('after destroy the cookie that a client still has is nothing', { acts }, async (client) => {
    await begin(client);
    const before = client.twin();
    await client.get('/destroy');
    await before.get('/all');
  }),
  story('reload', ['/reload']),
  story('save', ['/save']),
  story('save with a callback', ['/save-callback']),
  behaviour('save of a visitor', { acts }, async (client) => {
    await client.get('/save-new');
    await client.get('/all');
  }),
  story('touch', ['/touch'], { cookie: { ...plain, maxAge: hour } }),
  story('options of this session', ['/options', '/get']),
  story('ids', ['/ids']),
  behaviour('decryptSession', { acts }, async (client) => {
    await begin(client);
    await client.get(`/decrypt?cookie=${encodeURIComponent(decodeURIComponent(client.sid(name)))}`);
    await client.get('/decrypt?cookie=nobody.nothing');
  }),
  behaviour('decryptSession of another client’s cookie', { acts }, async (client) => {
    const other = client.other();
    await other.get('/set?who=bob');
    await begin(client);
    await client.get(`/decrypt?cookie=${encodeURIComponent(decodeURIComponent(other.sid(name)))}`);
  }),
  story('the store: get', ['/store-get', '/store-get?id=nobody']),
  story('a handler that throws', ['/throw']),
  story('save, and a status of 500', ['/save-and-fail']),
  story('a status of 500', ['/status?status=500']),
  story('a status of 404', ['/status?status=404']),
  story('beside the cookies of the app', ['/cookies']),
  behaviour('the cookie alone, without any other that was set with it', {}, async (client) => {
    await begin(client);
    await client.get('/all', { cookie: `${name}=${client.sid(name)}` });
  }),
  behaviour('at the same time: two requests that set different names', { acts: slow }, async (client) => {
    await begin(client);
    const one = await held(client, 'first');
    await client.get('/set?other=1');
    await one();
    await client.get('/all');
  }),
  behaviour('at the same time: a logout, and a request that writes afterwards', { acts: slow }, async (client) => {
    await begin(client);
    const twin = client.twin();
    const writer = await held(twin, 'back');
    await client.get('/destroy');
    await writer();
    await twin.get('/all');
  }),
  failing('reading', '/all', 'get'),
  failing('writing', '/set?who=bob', 'set'),
  failing('ending', '/destroy', 'destroy'),
  failing('ending, of regenerate', '/regenerate', 'destroy'),
];
