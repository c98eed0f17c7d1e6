/** What is kept when: saveUninitialized, resave, rolling, unset, genid, and a store that fails or is away. */
import { type Behaviour, freshId, hour, signed } from './behaviour.ts';
import type { Client } from './client.ts';
import { type Act, behaviour, type Options } from './express-app.ts';

const begin = (client: Client) => client.get('/set?who=ada');
const acts: Record<string, Act> = {
  '/null': (request, response) => {
    Object.assign(request, { session: null });
    response.send('null');
  },
  '/undefined': (request, response) => {
    Object.assign(request, { session: undefined });
    response.send('undefined');
  },
  '/delete': (request, response) => {
    Reflect.deleteProperty(request, 'session');
    response.send('delete');
  },
  '/change-and-null': (request, response) => {
    Object.assign(request.session, { who: 'changed' });
    Object.assign(request, { session: null });
    response.send('null');
  },
  '/after-head': (request, response) => {
    response.write('first ');
    Object.assign(request.session, request.query);
    response.end('last');
  },
  '/twice': (request, response, { note }) => {
    Object.assign(request.session, { n: 1 });
    request.session.save((error) => {
      note('saved', error ?? null);
      Object.assign(request.session, { n: 2 });
      response.send('twice');
    });
  },
  '/there-and-back': (request, response) => {
    Object.assign(request.session, { who: 'bob' });
    Object.assign(request.session, { who: 'ada' });
    response.send('as before');
  },
  '/deep': (request, response) => {
    const { list = [] } = request.session as unknown as { list?: number[] };
    Object.assign(request.session, { list });
    list.push(list.length);
    response.json(list);
  },
  '/forget': (request, response) => {
    Reflect.deleteProperty(request.session, 'who');
    response.send('forgotten');
  },
  '/swap-id': (request, response) => {
    Object.assign(request, { sessionID: freshId() });
    response.send('swapped');
  },
  '/bogus-id': (request, response) => {
    Object.assign(request, { sessionID: undefined });
    Object.assign(request.session, { who: 'nobody' });
    response.send('bogus');
  },
  '/store-event': (request, response) => {
    // While the store is away requests have none.
    request.app.locals.store ??= request.sessionStore;
    request.app.locals.store.emit(String(request.query.name));
    response.send(String(request.query.name));
  },
  '/maybe': (request, response) => response.send(request.session === undefined ? 'no session' : 'a session'),
};

const combine = <T>(name: string, values: readonly T[]) => values.map((value) => ({ [name]: value }));

/** One story for each of the eight combinations. */
const combinations = combine('resave', [true, false]).flatMap((resave) =>
  combine('saveUninitialized', [true, false]).flatMap((uninitialized) =>
    combine('rolling', [true, false]).map((rolling): Options => ({ ...resave, ...uninitialized, ...rolling })),
  ),
);

function told(options: Options): string {
  return Object.entries(options)
    .map(([name, value]) => `${name} ${JSON.stringify(value)}`)
    .join(', ');
}

function failing(
  what: string,
  path: string,
  method: 'get' | 'set' | 'destroy' | 'touch',
  options: Options = {},
): Behaviour {
  return behaviour(
    `a store that fails: ${what}`,
    { acts, options: { cookie: { maxAge: hour }, ...options } },
    async (client, { fault }) => {
      await begin(client);
      fault(method);
      await client.get(path);
      fault(null);
      await client.get('/all');
    },
  );
}

export const saving: readonly Behaviour[] = [
  ...combinations.map((options) =>
    behaviour(told(options), { options, acts }, async (client) => {
      await client.get('/show');
      await client.get('/show');
      await begin(client);
      await client.get('/show');
      await client.get('/there-and-back');
      await client.get('/show');
    }),
  ),
  ...combinations.map((options) =>
    behaviour(
      `${told(options)}, with maxAge`,
      { options: { ...options, cookie: { maxAge: hour } }, acts },
      async (client) => {
        await client.get('/show');
        await begin(client);
        await client.get('/show');
        await client.get('/cookie');
      },
    ),
  ),
  ...['keep', 'destroy'].flatMap((unset) =>
    ['null', 'undefined', 'delete', 'change-and-null'].map((how) =>
      behaviour(`unset ${unset}: ${how}`, { options: { unset: unset as 'keep' | 'destroy' }, acts }, async (client) => {
        await begin(client);
        await client.get(`/${how}`);
        await client.get('/all');
      }),
    ),
  ),
  behaviour('unset destroy of a visitor who has nothing', { options: { unset: 'destroy' }, acts }, async (client) => {
    await client.get('/null');
    await client.get('/all');
  }),
  behaviour('unset is one of two words', { options: { unset: 'drop' as 'keep' } }, async (client) => {
    await client.get('/all');
  }),
  behaviour(
    'genid',
    { options: { genid: (request) => `id-of-this-app-${request.method}-${freshId()}` } },
    async (client) => {
      await client.get('/show');
      await begin(client);
      client.note(decodeURIComponent(client.sid()).startsWith('s:id-of-this-app-GET-'));
      await client.get('/show');
    },
  ),
  behaviour('genid is asked again by regenerate', { options: { genid: () => `mine-${freshId()}` } }, async (client) => {
    await begin(client);
    await client.get('/regenerate');
    client.note(decodeURIComponent(client.sid()).startsWith('s:mine-'));
  }),
  behaviour(
    'genid with characters that a cookie does not have',
    { options: { genid: () => `ü;,="${freshId()}` } },
    async (client) => {
      await begin(client);
      await client.get('/all');
    },
  ),
  behaviour(
    'genid that gives no text: the session is not kept',
    { options: { genid: () => undefined as unknown as string } },
    async (client) => {
      await begin(client);
      await client.get('/all');
    },
  ),
  behaviour('genid is a function', { options: { genid: 'uuid' as unknown as () => string } }, async (client) => {
    await client.get('/all');
  }),
  behaviour(
    'genid that throws',
    {
      options: {
        genid: () => {
          throw new Error('no more ids');
        },
      },
    },
    async (client) => {
      await client.get('/all');
    },
  ),
  behaviour('a change after the head is kept before the end', { acts }, async (client) => {
    await begin(client);
    await client.get('/after-head?late=1');
    await client.get('/all');
  }),
  behaviour('a session that begins after the head: no cookie can carry it', { acts }, async (client) => {
    await client.get('/after-head?late=1');
    await client.get('/all');
  }),
  behaviour('saved by hand, and changed again', { acts }, async (client) => {
    await client.get('/twice');
    await client.get('/all');
  }),
  behaviour('a change in depth counts', { acts }, async (client) => {
    for (let n = 0; n < 3; n++) await client.get('/deep');
    await client.get('/all');
  }),
  behaviour('a name that is removed', { acts }, async (client) => {
    await begin(client);
    await client.get('/forget');
    await client.get('/all');
  }),
  behaviour('request.sessionID that the app has changed', { acts }, async (client) => {
    await begin(client);
    await client.get('/swap-id');
    await client.get('/all');
  }),
  behaviour('request.sessionID that the app has made undefined', { acts }, async (client) => {
    await client.get('/bogus-id');
    await begin(client);
    await client.get('/bogus-id');
    await client.get('/all');
  }),
  behaviour(
    'a session that nobody knows any more: a fresh id, and not before it is written to',
    { acts },
    async (client) => {
      client.setSid(signed(freshId()));
      await client.get('/all');
      await begin(client);
      await client.get('/all');
    },
  ),
  behaviour('the store says disconnect: no session, until it says connect', { acts }, async (client) => {
    await begin(client);
    await client.get('/store-event?name=disconnect');
    await client.get('/maybe');
    await client.get('/maybe');
  }),
  behaviour('the store says disconnect and connect', { acts }, async (client) => {
    await begin(client);
    await client.get('/store-event?name=disconnect');
    await client.get('/store-event?name=connect');
    await client.get('/maybe');
  }),
  failing('reading', '/all', 'get'),
  failing('writing', '/set?who=bob', 'set'),
  failing('ending', '/destroy', 'destroy'),
  failing('ending, of regenerate', '/regenerate', 'destroy'),
  failing('ending, of unset', '/null', 'destroy', { unset: 'destroy' }),
  failing('touching', '/all', 'touch'),
];
