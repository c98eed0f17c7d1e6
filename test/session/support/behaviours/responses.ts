/** How an app ends its response, and what becomes of the session with it; and requests at the same time. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { until } from '../../../support/until.ts';
import type { Behaviour } from './behaviour.ts';
import type { Client } from './client.ts';
import { type Act, behaviour } from './express-app.ts';

const begin = (client: Client) => client.get('/set?who=ada');
const touchIt = (request: Parameters<Act>[0]) => {
  const { n = 0 } = request.session as unknown as { n?: number };
  Object.assign(request.session, { n: n + 1 });
};

/** Each ends its response in its own way, with a changed session. */
const ends: Record<string, Act> = {
  'end()': (_request, response) => response.end(),
  'end(text)': (_request, response) => response.end('text'),
  'end(text, encoding)': (_request, response) => response.end('dGV4dA==', 'base64'),
  'end(buffer)': (_request, response) => response.end(Buffer.from('buffer')),
  'end(null)': (_request, response) => response.end(null),
  'end twice': (_request, response, { note }) => {
    response.end('once');
    note('again', response.end('twice') === response ? 'response' : 'something else');
  },
  'write, end()': (_request, response) => {
    response.write('written');
    response.end();
  },
  'write, write, end(text)': (_request, response) => {
    response.write('a');
    response.write('b');
    response.end('c');
  },
  'Content-Length, end(text)': (_request, response) => {
    response.setHeader('Content-Length', 4);
    response.end('text');
  },
  'Content-Length, write, end()': (_request, response) => {
    response.setHeader('Content-Length', 4);
    response.write('text');
    response.end();
  },
  'Content-Length, write, end(text)': (_request, response) => {
    response.setHeader('Content-Length', '8');
    response.write('text');
    response.end('more');
  },
  'Content-Length 0, end()': (_request, response) => {
    response.setHeader('Content-Length', 0);
    response.end();
  },
  'Content-Length, end(buffer)': (_request, response) => {
    response.setHeader('Content-Length', 6);
    response.end(Buffer.from('büffe'));
  },
  'writeHead with a length, end(text)': (_request, response) => {
    response.writeHead(200, { 'Content-Length': 4 });
    response.end('text');
  },
  'writeHead, end(text)': (_request, response) => response.writeHead(201, { 'X-Said': 'hello' }).end('text'),
  'writeHead with a reason, end()': (_request, response) =>
    response.writeHead(202, 'As Said', { 'X-Said': 'hello' }).end(),
  'flushHeaders, end(text)': (_request, response) => {
    response.flushHeaders();
    response.end('text');
  },
  '204': (_request, response) => response.status(204).end(),
  '304': (_request, response) => response.status(304).end(),
  '404': (_request, response) => response.status(404).send('not found'),
  '401': (_request, response) => response.status(401).send('who are you'),
  '499': (_request, response) => response.status(499).send('a status below 500'),
  json: (_request, response) => response.json({ a: [1] }),
  redirect: (_request, response) => response.redirect('/all'),
  'a stream of pieces': async (_request, response) => {
    for (const piece of ['a', 'b', 'c']) {
      response.write(piece);
      await nextTurn();
    }
    response.end();
  },
  'from a later turn': (_request, response) => setImmediate(() => response.end('later')),
  'nobody answers it': (_request, _response, { next }) => next(),
};

const failures: Record<string, Act> = {
  'status 500': (_request, response) => response.status(500).send('failed'),
  'status 503': (_request, response) => response.status(503).send('busy'),
  'an error to next': (_request, _response, { next }) => next(new Error('a mistake')),
  'a handler that throws': () => {
    throw new Error('thrown');
  },
};

const saved: Act = (request, response) => {
  Object.assign(request.session, { who: 'saved' });
  request.session.save(() => response.status(500).send('failed'));
};

const waiting = new Map<string, () => void>();
const races: Record<string, Act> = {
  // Waits, and then changes what it has read before.
  '/slow': async (request, response) => {
    const { key } = request.query;
    await new Promise<void>((go) => waiting.set(String(key), go));
    Object.assign(request.session, { [String(key)]: 1 });
    response.send('slow');
  },
  '/slow-read': async (request, response) => {
    await new Promise<void>((go) => waiting.set(String(request.query.key), go));
    response.send('read');
  },
};

/** A request that has been read; the answer when it may go on. */
async function held(client: Client, path: string, key: string): Promise<() => Promise<unknown>> {
  const answer = client.get(`${path}?key=${key}`);
  await until(`the app has read ${key}`, () => waiting.has(key), 10_000, 1);
  return () => {
    waiting.get(key)?.();
    waiting.delete(key);
    return answer;
  };
}

export const responses: readonly Behaviour[] = [
  ...Object.entries(ends).map(([name, end]) =>
    behaviour(`a response by ${name}`, { acts: { '/it': changed(end) } }, async (client) => {
      await begin(client);
      await client.get('/it');
      await client.get('/all');
    }),
  ),
  ...['end(text)', 'writeHead, end(text)', 'Content-Length, end(text)', '204', 'redirect'].map((name) =>
    behaviour(
      `a response by ${name}, of a visitor`,
      { acts: { '/it': changed(ends[name] ?? (() => {})) } },
      async (client) => {
        await client.get('/it');
        await client.get('/all');
      },
    ),
  ),
  behaviour(
    'a response to HEAD',
    { acts: { '/it': changed((_request, response) => response.send('text')) } },
    async (client) => {
      await client.get('/it', { method: 'HEAD' });
      await client.get('/all');
    },
  ),
  behaviour(
    'a response to POST and OPTIONS',
    { acts: { '/it': changed((_request, response) => response.send('text')) } },
    async (client) => {
      await client.get('/it', { method: 'POST' });
      await client.get('/it', { method: 'OPTIONS' });
      await client.get('/all');
    },
  ),
  ...Object.entries(failures).map(([name, end]) =>
    behaviour(`a request that fails: ${name}`, { acts: { '/it': changed(end) } }, async (client) => {
      await begin(client);
      await client.get('/it');
      await client.get('/all');
    }),
  ),
  behaviour('a request that fails: after save', { acts: { '/it': saved } }, async (client) => {
    await begin(client);
    await client.get('/it');
    await client.get('/all');
  }),
  behaviour(
    'a visitor whose first request fails',
    { acts: { '/it': changed((_request, response) => response.status(500).send('failed')) } },
    async (client) => {
      await client.get('/it');
      await client.get('/all');
    },
  ),
  behaviour('at the same time: two requests that set different names', { acts: races }, async (client) => {
    await begin(client);
    const one = await held(client, '/slow', `a${client.transcript.lines.length}`);
    await client.get('/set?other=1');
    await one();
    await client.get('/all');
  }),
  behaviour('at the same time: a logout, and a request that writes afterwards', { acts: races }, async (client) => {
    await begin(client);
    const twin = client.twin();
    const writer = await held(twin, '/slow', 'back');
    await client.get('/destroy');
    await writer();
    await twin.get('/all');
  }),
  behaviour(
    'at the same time: a logout, and a request with resave that only reads',
    { acts: races, options: { resave: true } },
    async (client) => {
      await begin(client);
      const twin = client.twin();
      const reader = await held(twin, '/slow-read', 'reader');
      await client.get('/destroy');
      await reader();
      await twin.get('/all');
    },
  ),
  behaviour('at the same time: regenerate, and a request under the old id', { acts: races }, async (client) => {
    await begin(client);
    const twin = client.twin();
    const writer = await held(twin, '/slow', 'late');
    await client.get('/regenerate');
    await writer();
    await twin.get('/all');
  }),
];

function changed(end: Act): Act {
  return (request, response, tools) => {
    touchIt(request);
    return end(request, response, tools);
  };
}
