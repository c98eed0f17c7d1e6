import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import { readConfig } from '../config/read.ts';
import { readYaml } from '../config/yaml.ts';
import { sessions } from '../session/index.ts';
import { systemTimers } from '../time/clock.ts';
import { withoutSecrets } from './addresses.ts';
import { openStore } from './open.ts';
import { parseRedis } from './redis-address.ts';
import { silentEviction } from './store.ts';

const one = { kind: 'one', tls: false, username: '', password: '', db: 0, family: 0, name: '' };
const local = [{ host: '127.0.0.1', port: 6379 }];

test.each([
  ['redis://127.0.0.1', { ...one, nodes: local }],
  ['redis://127.0.0.1:7000/2', { ...one, nodes: [{ host: '127.0.0.1', port: 7000 }], db: 2, name: '2' }],
  ['redis://127.0.0.1/?family=6', { ...one, nodes: local, family: 6 }],
  [
    'rediss://u:a%3Ab%2Fc%40d@cache_1.example:1',
    { ...one, tls: true, username: 'u', password: 'a:b/c@d', nodes: [{ host: 'cache_1.example', port: 1 }] },
  ],
  ['redis://:p:w@[::1]:1', { ...one, password: 'p:w', nodes: [{ host: '::1', port: 1 }] }],
  [
    'redis+sentinel://:p@a:1,b/shop',
    {
      ...one,
      kind: 'sentinel',
      password: 'p',
      nodes: [
        { host: 'a', port: 1 },
        { host: 'b', port: 26379 },
      ],
      name: 'shop',
    },
  ],
  [
    'redis+cluster://a:1,b',
    {
      ...one,
      kind: 'cluster',
      nodes: [
        { host: 'a', port: 1 },
        { host: 'b', port: 6379 },
      ],
    },
  ],
])('%s', (url, expected) => expect(parseRedis(url)).toEqual(expected));

test.each([
  'redis://user:p@ss/word@host',
  'redis://user:p@ss@host',
  'redis://:pa#ss@host',
  'redis://:pa?ss@host',
  'redis://:pa/ss@host',
  'redis://:pa ss@host',
  'redis://:pa%ss@host',
  'redis://:pa%ffss@host',
  'redis://host?password=hush',
  'redis://host/1?password=hush',
  'redis://host:hush',
  'redis://host:70000',
  'redis://host/hush',
  'redis://a,b',
  'redis+cluster://a/b',
  'redis+sentinel://a',
  'redi://:pw@host',
  'redis:pw',
  'redis:/:pw@host',
  'redis://',
])('%s is no address', (url) => expect(parseRedis(url)).toBe(null));

describe('a password is never told, wherever the mistake is', () => {
  const time = new HandTime();
  const options = {
    tombstoneTime: 1000,
    stateBytes: 100,
    secret: null,
    timeout: 100,
    sync: false,
    clock: time,
    timers: systemTimers,
    eviction: silentEviction,
  };
  /** No two characters in a row of a password are to be found in a text of ours by chance. */
  const strange = [...'äöüßñéΩ漢§¶', ...'@:/?#%&=+!$*()[]{}<>|"\'`^~,; ', ...'QXZJqxzj'];
  const password = fc
    .array(fc.constantFrom(...strange), { minLength: 8, maxLength: 24 })
    .map((chars) => chars.join(''))
    .filter((text) => /[QXZJqxzjäöüßñéΩ漢§¶]{2}/.test(text));
  const shapes: ((pw: string) => string)[] = [
    (pw) => `redis://user:${pw}@127.0.0.1:1`,
    (pw) => `redis://:${pw}@127.0.0.1:1/0`,
    (pw) => `redis://${pw}@127.0.0.1:1`,
    (pw) => `rediss://user:${pw}@`,
    (pw) => `redi://:${pw}@127.0.0.1:1`,
    (pw) => `redis:/user:${pw}@127.0.0.1:1`,
    (pw) => `redis:${pw}`,
    (pw) => `REDIS://:${pw}@127.0.0.1:1`,
    (pw) => `redis://127.0.0.1:1?password=${pw}`,
    (pw) => `redis://127.0.0.1:1/${pw}`,
    (pw) => `redis://127.0.0.1:${pw}`,
    (pw) => `redis+sentinel://:${pw}@127.0.0.1:1/shop`,
    (pw) => `redis+sentinel://:${pw}@127.0.0.1:1`,
    (pw) => `redis+cluster://user:${pw}@127.0.0.1:1,127.0.0.1:2`,
    (pw) => `redis+cluster://user:${pw}@127.0.0.1:1/x`,
    (pw) => `user:${pw}@127.0.0.1:1`,
  ];

  /** The parts of a password that are told apart from our own texts. */
  const partsOf = (pw: string) => [...pw.matchAll(/[QXZJqxzjäöüßñéΩ漢§¶]{3,}/g)].map(([part]) => part);

  async function errorsOf(url: string): Promise<string> {
    const told: unknown[] = [withoutSecrets(url)];
    const fails = async (run: () => unknown) => {
      try {
        await run();
      } catch (error) {
        told.push(error, error instanceof Error ? error.stack : '', inspect(error, { depth: 9, showHidden: true }));
      }
    };
    const source = { name: 'limpet.yaml', locate: () => null };
    const config = (value: unknown) => () =>
      readConfig(value, { source, env: { STORE: url, PW: url }, variables: true });
    const pools = { a: { servers: ['3001'] } };
    const listeners = [{ address: '127.0.0.1:0' }];
    await fails(config({ listeners, pools, sessions: { store: url.replaceAll('$', '$$') } }));
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the config
    await fails(config({ listeners, pools, sessions: { store: '${STORE}' } }));
    await fails(config({ listeners, pools, sessions: url.replaceAll('$', '$$') }));
    await fails(config({ listeners, pools, sessions: { listen: url.replaceAll('$', '$$') } }));
    await fails(config({ listeners, pools: { a: { servers: [url.replaceAll('$', '$$')] } } }));
    await fails(async () => (await openStore(url, options)).close());
    await fails(() => sessions({ strategy: 'shared', store: url }));
    const yaml = readYaml(`sessions: { store: ${url} }\nx: "${url}"\ny: !${url}\nz: *${url}\n`);
    told.push(JSON.stringify(yaml.problems));
    return told.map(String).join('\n');
  }

  test('as it is, and percent-encoded', async () => {
    await fc.assert(
      fc.asyncProperty(password, fc.constantFrom(...shapes), fc.boolean(), async (pw, shape, encode) => {
        const written = encode ? encodeURIComponent(pw) : pw;
        const told = await errorsOf(shape(written));
        expect(told).not.toContain(pw);
        expect(told).not.toContain(encodeURIComponent(pw));
        expect(told).not.toContain(JSON.stringify(pw).slice(1, -1));
        for (const part of partsOf(pw)) expect(told).not.toContain(part);
      }),
      { numRuns: 300 },
    );
  }, 60_000);
});
