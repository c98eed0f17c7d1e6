/** Flash values and tokens against forged requests, with requests that run at the same time, fail, or come from a former owner. */
import { describe, expect, test } from 'vitest';
import { type Session, type SessionOptions, sessions } from '../../src/session/index.ts';
import { host } from '../support/host.ts';
import { TestBalancer } from './support/balancer.ts';
import { Client, serve, signal } from './support/client.ts';
import { MapStore } from './support/map-store.ts';

type Act = (session: Session, query: URLSearchParams) => unknown;

/** Requests wait at `gate` of their act's query, if they have one, until it is fired. */
const gates = new Map<string, ReturnType<typeof signal> & { readonly arrived: PromiseWithResolvers<void> }>();
let gateCount = 0;

/** `?gate=` of a request, what it waits for, and what lets it go on. */
function gate() {
  const name = `gate${++gateCount}`;
  const made = { ...signal(), arrived: Promise.withResolvers<void>() };
  gates.set(name, made);
  return { name, arrived: made.arrived.promise, fire: made.fire };
}

const acts: Record<string, Act> = {
  leave: (session, query) => session.flash('info', query.get('value')),
  read: (session) => session.flash('info'),
  readAndFail: async (session) => {
    expect(await session.flash('info')).toEqual(['kept']);
    throw new Error('as it was asked');
  },
  refused: (session) => session.flash('info', new Date(0)),
  token: (session) => session.csrfToken(),
  check: (session, query) => session.isCsrfToken(query.get('token')),
  renew: (session) => session.regenerate(),
  renewAndFail: async (session) => {
    await session.regenerate();
    session.csrfToken();
    throw new Error('as it was asked');
  },
  end: (session) => session.destroy(),
};

const secret = 'a secret for these tests only';

async function start(options: SessionOptions) {
  const app = sessions({ onError: () => {}, ...options });
  const listener = app.handle(async (request, response, session) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://app');
    const [, before = '', act = before] = pathname.split('/');
    const held = gates.get(searchParams.get('gate') ?? '');
    const wait = async () => {
      held?.arrived.resolve();
      await held?.reached;
    };
    // /act?gate: waits before it; /after/act?gate: after it.
    if (before !== 'after') await wait();
    const found = await acts[act]?.(session, searchParams);
    if (before === 'after') await wait();
    response.end(JSON.stringify(found ?? null));
  });
  const server = await serve(listener);
  return { port: server.port, end: () => Promise.all([server[Symbol.asyncDispose](), app.close()]) };
}

interface Stage {
  readonly url: string;
  end(): Promise<unknown>;
}

async function sticky(): Promise<Stage & { balancer: TestBalancer; ports: number[] }> {
  const apps = await Promise.all([start({ strategy: 'sticky' }), start({ strategy: 'sticky' })]);
  const ports = apps.map(({ port }) => port);
  const balancer = await TestBalancer.start({ servers: ports });
  const end = () => Promise.all([balancer[Symbol.asyncDispose](), ...apps.map((app) => app.end())]);
  return { url: balancer.url, end, balancer, ports };
}

async function alone(options: SessionOptions): Promise<Stage> {
  const { port, end } = await start(options);
  return { url: `http://${host}:${port}`, end };
}

const stages: Record<string, () => Promise<Stage>> = {
  sticky,
  local: () => alone({ strategy: 'local' }),
  shared: () => alone({ strategy: 'shared', store: new MapStore() }),
  stateless: () => alone({ strategy: 'stateless', secret }),
};

const bodyOf = async (client: Client, path: string): Promise<unknown> => JSON.parse((await client.get(path)).body);
/** A request that has come to its gate. */
async function held(client: Client, path: string) {
  const { name, arrived, fire } = gate();
  const answer = client.get(`${path}${path.includes('?') ? '&' : '?'}gate=${name}`);
  await arrived;
  return async () => {
    fire();
    return answer;
  };
}

describe.each(Object.entries(stages))('%s', (name, open) => {
  const run = async (work: (client: Client) => Promise<void>) => {
    const stage = await open();
    try {
      await work(new Client(stage.url));
    } finally {
      await stage.end();
    }
  };

  test('a flash value is read once, by a later request', () =>
    run(async (client) => {
      expect(await bodyOf(client, '/read')).toEqual([]);
      expect(client.jar.size).toBe(0);
      await client.get('/leave?value=one');
      await client.get('/leave?value=two');
      expect(await bodyOf(client, '/read')).toEqual(['one', 'two']);
      expect(await bodyOf(client, '/read')).toEqual([]);
    }));

  test('what cannot be kept is refused where it is left', () =>
    run(async (client) => {
      expect((await client.get('/refused')).headers.get('limpet-reason')).toBe('not-serialisable');
      expect(await bodyOf(client, '/read')).toEqual([]);
    }));

  test('tokens are the session’s, and end with its id', () =>
    run(async (client) => {
      const token = await bodyOf(client, '/token');
      expect(await bodyOf(client, `/check?token=${token}`)).toBe(true);
      expect(await bodyOf(client, `/check?token=${await bodyOf(new Client(urlOf(client)), '/token')}`)).toBe(false);
      expect(await bodyOf(client, '/check')).toBe(false);
      expect((await client.get('/renewAndFail')).status).toBe(500);
      expect(await bodyOf(client, `/check?token=${token}`)).toBe(true);
      await client.get('/renew');
      expect(await bodyOf(client, `/check?token=${token}`)).toBe(false);
      const fresh = await bodyOf(client, '/token');
      expect(await bodyOf(client, `/check?token=${fresh}`)).toBe(true);
    }));

  test('when the session is over there is nothing to read or to check', () =>
    run(async (client) => {
      await client.get('/leave?value=one');
      const token = await bodyOf(client, '/token');
      const old = client.twin();
      await client.get('/end');
      // Nobody can take a stateless one back.
      if (name !== 'stateless') expect(await bodyOf(old, '/read')).toEqual([]);
      expect(await bodyOf(client, `/check?token=${token}`)).toBe(false);
    }));

  test('two requests that leave something at the same time', (context) =>
    run(async (client) => {
      context.skip(name === 'stateless', 'the later answer counts');
      await client.get('/leave?value=zero');
      const writers = await Promise.all(['a', 'b'].map((value) => held(client.twin(), `/after/leave?value=${value}`)));
      for (const go of writers) expect((await go()).status).toBe(200);
      expect(await bodyOf(client, '/read')).toEqual(['zero', 'a', 'b']);
    }));

  test('of two requests that read at the same time one gets it', (context) =>
    run(async (client) => {
      context.skip(name === 'stateless', 'each has its own copy');
      await client.get('/leave?value=one');
      const readers = await Promise.all([0, 1].map(() => held(client.twin(), '/read')));
      const answers = await Promise.all(readers.map((go) => go()));
      expect(answers.map(({ body }) => body).sort()).toEqual(['["one"]', '[]']);
    }));

  test('a request that fails has read nothing', (context) =>
    run(async (client) => {
      context.skip(name === 'shared', 'an update is stored at once');
      await client.get('/leave?value=kept');
      expect((await client.get('/readAndFail')).status).toBe(500);
      expect(await bodyOf(client, '/read')).toEqual(['kept']);
    }));

  test('the first tokens of two requests at the same time are both right', (context) =>
    run(async (client) => {
      context.skip(name === 'stateless', 'the later answer counts');
      await client.get('/leave?value=one');
      const pages = await Promise.all([0, 1].map(() => held(client.twin(), '/after/token')));
      for (const go of pages) {
        expect(await bodyOf(client, `/check?token=${JSON.parse((await go()).body)}`)).toBe(true);
      }
    }));

  test('a token that is made while the id changes is not right after it', (context) =>
    run(async (client) => {
      context.skip(name === 'stateless', 'each has its own copy');
      await client.get('/leave?value=one');
      const renew = await held(client, '/after/renew');
      const thief = client.twin();
      const token = await thief.get('/token');
      expect((await renew()).status).toBe(200);
      await client.get('/token');
      const stolen = token.status === 200 ? JSON.parse(token.body) : '';
      expect(await bodyOf(client, `/check?token=${stolen}`)).toBe(false);
    }));
});

test('a former owner has read nothing', async () => {
  const stage = await sticky();
  const client = new Client(stage.url);
  await client.get('/leave?value=one');
  const reader = await held(client.twin(), '/after/read');
  stage.balancer.claim(client.id, stage.ports[1] ?? 0);
  expect((await reader()).status).toBe(503);
  expect(await bodyOf(client, '/read')).toEqual(['one']);
  await stage.end();
});

function urlOf(client: Client): string {
  return Reflect.get(client, 'base');
}
