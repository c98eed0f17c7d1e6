/** Which cookies of a request count as the session's, and which do not. */
import { type Behaviour, freshId, parserSecret, secret, signed } from './behaviour.ts';
import type { Client } from './client.ts';
import { type Act, behaviour, type Middleware } from './express-app.ts';

const other = 'another secret than that of the app';
const begin = (client: Client) => client.get('/set?who=ada');

/** Sends the value in place of the session's, and looks whether it was the session. */
function hostile(name: string, madeFrom: (sid: string) => string): Behaviour {
  return behaviour(`a cookie that counts for nothing: ${name}`, {}, async (client) => {
    await begin(client);
    const value = madeFrom(client.sid());
    const attacker = client.twin();
    attacker.setSid(value);
    await attacker.get('/all');
    // Nor is a session made under it.
    await attacker.get('/set?who=eve');
    client.note('adopted', attacker.sid() === value);
    await client.get('/all');
  });
}

const parsed: Middleware = (request, _response, next) => {
  // As cookie-parser leaves it.
  const signedId = String(request.headers['x-signed-id'] ?? '');
  if (signedId !== '') Object.assign(request, { signedCookies: { 'connect.sid': signedId } });
  const plain = String(request.headers['x-plain'] ?? '');
  if (plain !== '') Object.assign(request, { cookies: { 'connect.sid': decodeURIComponent(plain) } });
  next();
};
const idOf = (sid: string) => /^s:(.*)\./.exec(decodeURIComponent(sid))?.[1] ?? '';
const secretOnRequest: Middleware = (request, _response, next) => {
  Object.assign(request, { secret: parserSecret });
  next();
};
const own: Act = (request, response) => response.send(String(request.headers.cookie?.includes('connect.sid')));

export const cookiesIn: readonly Behaviour[] = [
  behaviour('a visitor is somebody new, and comes back by the cookie', {}, async (client) => {
    await client.get('/show');
    await begin(client);
    await client.get('/show');
    await client.other().get('/show');
  }),
  hostile('no signature', (sid) => `s%3A${idOf(sid)}`),
  hostile('not signed, the bare id', idOf),
  hostile('an empty signature', (sid) => `s%3A${idOf(sid)}.`),
  hostile('a signature cut short', (sid) => sid.slice(0, -3)),
  hostile('a signature with one more character', (sid) => `${sid}A`),
  hostile('another id under the same signature', (sid) =>
    sid.replace(/^s%3A(.)/, (_all, first) => `s%3A${first === 'A' ? 'B' : 'A'}`),
  ),
  hostile('signed by another secret', (sid) => signed(idOf(sid), other)),
  hostile('the signature of another id', (sid) => `s%3A${idOf(sid)}.${signed(freshId()).split('.')[1]}`),
  hostile('only the mark of a signature', () => 's%3A'),
  hostile('an empty value', () => ''),
  hostile('a percent sign that encodes nothing', (sid) => `%${sid}`),
  hostile('in capital letters', (sid) => sid.toUpperCase()),
  hostile('64 KB minus the rest of the head', () => 'x'.repeat(6000)),
  hostile('quotes inside', (sid) => `"${sid.slice(0, 9)}"${sid.slice(9)}`),
  hostile('an id nobody has given out, rightly signed', () => signed(freshId())),
  hostile('the name of something every object has, rightly signed', () => signed('__proto__')),
  hostile('constructor, rightly signed', () => signed('constructor')),
  behaviour('in quotes it is the same', {}, async (client) => {
    await begin(client);
    await client.get('/all', { cookie: client.cookies().replace(/(connect\.sid)=([^;]*)/, '$1="$2"') });
  }),
  behaviour('not percent-encoded it is the same', {}, async (client) => {
    await begin(client);
    client.setSid(decodeURIComponent(client.sid()));
    await client.get('/all');
  }),
  behaviour('of two of the same name the first counts', {}, async (client) => {
    await begin(client);
    const all = client.cookies();
    await client.get('/all', { cookie: `${all}; connect.sid=${signed(freshId())}` });
    await client.get('/all', { cookie: `connect.sid=${signed(freshId())}; ${all}` });
  }),
  behaviour('of another path or domain, with a signature of another app, in front of ours', {}, async (client) => {
    await begin(client);
    const all = client.cookies();
    await client.get('/all', { cookie: `connect.sid=${signed(freshId(), other)}; ${all}` });
  }),
  behaviour('between other cookies, without spaces, with empty ones', {}, async (client) => {
    await begin(client);
    const all = client.cookies().replaceAll('; ', ';');
    await client.get('/all', { cookie: `a=1;;${all};b; c=` });
    await client.get('/own', { cookie: `xconnect.sid=1;${all}` });
  }),
  behaviour('names are told apart by their letters', {}, async (client) => {
    await begin(client);
    const all = client.cookies();
    await client.get('/all', { cookie: all.replace('connect.sid', 'Connect.Sid') });
  }),
  behaviour('another name for the cookie', { options: { name: 'shop.sid' } }, async (client) => {
    await begin(client);
    await client.get('/show');
    client.setSid(client.sid('shop.sid'));
    client.setSid('', 'shop.sid');
    await client.get('/all');
  }),
  behaviour('two sessions in one app, by their names', { acts: { '/own': own } }, async (client) => {
    await begin(client);
    client.setSid(signed(freshId()), 'another.sid');
    await client.get('/all');
  }),
  behaviour(
    'secrets rotate: the first signs, all read',
    { options: { secret: ['the new secret of the app', secret, 'the oldest'] } },
    async (client) => {
      await begin(client);
      const id = idOf(client.sid());
      for (const by of [secret, 'the oldest', 'none of them']) {
        client.setSid(signed(id, by));
        await client.get('/all');
      }
    },
  ),
  behaviour(
    'a cookie signed by a former secret is not signed anew by itself',
    { options: { secret: ['new', secret] } },
    async (client) => {
      await begin(client);
      client.setSid(signed(idOf(client.sid())));
      await client.get('/set?more=1');
      await client.get('/all');
    },
  ),
  behaviour('an empty list of secrets is refused', { options: { secret: [] } }, async (client) => {
    await client.get('/all');
  }),
  behaviour('no secret at all is told with the first request', { options: { secret: '' } }, async (client) => {
    await client.get('/all');
  }),
  behaviour(
    'without one the secret of cookie-parser counts',
    { options: { secret: '' }, before: [secretOnRequest] },
    async (client) => {
      await begin(client);
      await client.get('/all');
    },
  ),
  behaviour(
    'the signed cookies of cookie-parser count when the header has none',
    { before: [parsed] },
    async (client) => {
      await begin(client);
      const id = idOf(client.sid());
      client.setSid('');
      await client.get('/all', { headers: { 'x-signed-id': id } });
    },
  ),
  behaviour('so do its plain ones, when they are signed', { before: [parsed] }, async (client) => {
    await begin(client);
    const sid = client.sid();
    client.setSid('');
    await client.get('/all', { headers: { 'x-plain': sid } });
    await client.get('/all', {
      headers: { 'x-plain': encodeURIComponent(`${decodeURIComponent(sid).slice(0, -2)}xx`) },
    });
    await client.get('/all', { headers: { 'x-plain': idOf(sid) } });
  }),
  behaviour('the cookie alone, without any other that was set with it', {}, async (client) => {
    await begin(client);
    await client.get('/all', { cookie: `connect.sid=${client.sid()}` });
  }),
  behaviour('an id of another user, with its own signature', {}, async (client) => {
    const eve = client.other();
    await begin(client);
    await eve.get('/set?who=eve');
    eve.setSid(client.sid());
    await eve.get('/all');
  }),
];
