/** What a browser makes of the cookie's attributes: how long it has it, and whom it sends it to. */
import { type Behaviour, hour } from './behaviour.ts';
import { type Act, behaviour, type Options } from './express-app.ts';

const days = 24 * hour;
const change = (cookie: Options['cookie'] & object): Record<string, Act> => ({
  '/login': (request, response) => {
    Object.assign(request.session, { who: 'ada' });
    Object.assign(request.session.cookie, cookie);
    response.send('in');
  },
});

export const browser: readonly Behaviour[] = [
  behaviour('the browser is closed: a session without maxAge is gone', {}, async (client) => {
    await client.get('/set?who=ada');
    client.restart();
    await client.get('/all');
  }),
  behaviour(
    'the browser is closed: maxAge keeps the session',
    { options: { cookie: { maxAge: 14 * days } } },
    async (client) => {
      await client.get('/set?who=ada');
      client.restart();
      await client.get('/all');
    },
  ),
  behaviour(
    'the browser is closed: "remember me", by maxAge of this session',
    { acts: change({ maxAge: 14 * days }) },
    async (client) => {
      await client.get('/login');
      client.restart();
      await client.get('/all');
    },
  ),
  behaviour(
    'the browser is closed: expires false of this session',
    { options: { cookie: { maxAge: 14 * days } }, acts: change({ expires: false as unknown as null }) },
    async (client) => {
      await client.get('/login');
      client.restart();
      await client.get('/all');
    },
  ),
  behaviour(
    'domain: the session is seen under the other names of it',
    { options: { cookie: { domain: 'example.org' } } },
    async (client) => {
      await client.get('/set?who=ada');
      client.host = 'admin.example.org';
      await client.get('/all');
      client.host = 'example.org';
      await client.get('/all');
      client.host = 'example.com';
      await client.get('/all');
    },
  ),
  behaviour('domain of this session', { acts: change({ domain: 'example.org' }) }, async (client) => {
    await client.get('/login');
    client.host = 'admin.example.org';
    await client.get('/all');
  }),
  behaviour('no domain: of one host', {}, async (client) => {
    await client.get('/set?who=ada');
    client.host = 'admin.www.example.org';
    await client.get('/all');
  }),
  behaviour(
    'sameSite none: seen by pages of other sites',
    { options: { cookie: { sameSite: 'none' } } },
    async (client) => {
      await client.get('/set?who=ada');
      await client.get('/all', { isCrossSite: true });
    },
  ),
  behaviour('sameSite lax: not seen by them', { options: { cookie: { sameSite: 'lax' } } }, async (client) => {
    await client.get('/set?who=ada');
    await client.get('/all', { isCrossSite: true });
    await client.get('/all');
  }),
];
