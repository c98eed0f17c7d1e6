import { describe, expect, test } from 'vitest';
import { importText, writeImported } from '../import.ts';

function read(text: string, file = 'traefik.yaml') {
  const { config, notes } = importText(text, file, 'traefik');
  return { config, told: notes.map(({ line, why, concern }) => `${line} ${concern ?? '-'} ${why}`) };
}

/** A dynamic file with one router and a sticky service of two servers; `more` goes into the service. */
function dynamic(rule: string, more = ''): string {
  return `http:
  routers:
    app: { rule: '${rule}', service: app, entryPoints: [web] }
  services:
    app:
      loadBalancer:
        servers: [{ url: 'http://a:1' }, { url: 'http://b:1' }]
${more.replace(/^/gm, '        ')}
entryPoints:
  web: { address: ':80' }
`;
}

describe('a cookie', () => {
  const cookie = (fields: string) => {
    const { config, told } = read(dynamic('PathPrefix(`/`)', `sticky: { cookie: ${fields} }`));
    return { cookie: (config.pools as { app: { affinity: { cookie: unknown }[] } }).app.affinity[0]?.cookie, told };
  };

  test('all of it is carried over when it can be', () => {
    expect(
      cookie('{ name: c, secure: true, httpOnly: true, sameSite: strict, maxAge: 60, domain: .a.org, path: /x }'),
    ).toEqual({
      cookie: {
        name: 'c',
        path: '/x',
        domain: 'a.org',
        secure: 'always',
        sameSite: 'Strict',
        idle: 'off',
        lifetime: 'permanent',
        absolute: '1m',
      },
      told: [],
    });
    const { config, notes } = importText(dynamic('PathPrefix(`/`)'), 'f', 'traefik');
    expect(notes).toEqual([]);
    expect(writeImported({ config, notes }, 'f')).toContain('All of it is carried over');
  });

  test('scripts may read it when it says so, and it is told when it says nothing', () => {
    expect(cookie('{ name: c, httpOnly: false }')).toEqual({
      cookie: { name: 'c', httpOnly: false, idle: 'off' },
      told: [],
    });
    expect(cookie('{ name: c }').told).toEqual(['8 - the cookie is HttpOnly']);
  });

  test.each([
    ['{ name: "a b", httpOnly: true }', '8 - it is no name of a cookie: limpet is the name'],
    ['{ httpOnly: true, maxAge: -1 }', '8 - it is no number of seconds above 0'],
    ['{ httpOnly: true, sameSite: none }', '8 - browsers take it with Secure alone: the cookie is Secure'],
    ['{ httpOnly: true, sameSite: odd }', '8 - expected none, lax or strict'],
    ['{ httpOnly: true, name: __Host-c, path: /x }', '8 - browsers drop a cookie named __Host- that has it'],
  ])('%s', (fields, told) => expect(cookie(fields).told).toContain(told));
});

describe('nothing is left out in silence', () => {
  const routed = (router: string, more: string) =>
    read(`http:
  routers:
    rest: { rule: 'PathPrefix(\`/\`)', service: app }
    app: ${router}
  services:
    app: { loadBalancer: { servers: [{ url: 'http://a:1' }] } }
    tls: { loadBalancer: { servers: [{ url: 'https://a:1' }] } }
${more}`);

  test.each([
    [
      "{ rule: 'Host(`a.org`)', service: app, middlewares: [m] }",
      '  middlewares: { m: { basicAuth: { users: [] } } }',
      '4 open a.org/: basicAuth "m" asked for a password',
    ],
    [
      "{ rule: 'Host(`a.org`)', service: app, middlewares: [m] }",
      '  middlewares: { m: { ipWhiteList: { sourceRange: [] } } }',
      '4 open a.org/: ipWhiteList "m" let in some addresses only',
    ],
    [
      "{ rule: 'Host(`a.org`)', service: app, middlewares: [none] }",
      '',
      '4 open a.org/: the middleware "none" is not in this file. Whom it kept out, it keeps out no more',
    ],
    [
      "{ rule: 'Host(`a.org`)', service: app, middlewares: [m] }",
      '  middlewares: { m: { stripPrefix: { prefixes: [/a] } } }',
      '4 not-working a.org/: stripPrefix "m" took the prefix off the path: servers get the whole path',
    ],
    [
      "{ rule: 'Host(`a.org`)', service: tls }",
      '',
      '4 not-working its requests go nowhere: its service "tls" has no server that is carried over',
    ],
    [
      "{ rule: 'Host(`a.org`)', service: nobody }",
      '',
      '4 not-working its requests go nowhere: its service "nobody" is not in this file',
    ],
    [
      '{ service: app }',
      '',
      '4 not-working it has no rule: the default one is made of names that are not in this file',
    ],
    [
      "{ rule: 'Host(`a.org`) && !Path(`/x`)', service: app }",
      '',
      '4 not-working its requests go nowhere: no route can say !Path(`/x`)',
    ],
    [
      '{ rule: \'Host(`{{ env "H" }}`)\', service: app }',
      '',
      '4 not-working its rule holds a variable: put the value in first',
    ],
  ])('%s %s', (router, more, told) => expect(routed(router, more).told).toContain(told));

  test('certificates that clients were asked for, and sticky without a cookie', () => {
    const { config, told } = read(
      `${dynamic('PathPrefix(`/`)', 'sticky: {}')}tls: { options: { m: { clientAuth: {} } } }\n`,
    );
    expect(told).toContain('11 open clients were asked for certificates (options "m")');
    expect(told).toContain('8 - without "cookie" Traefik keeps nobody');
    expect(config.pools).toMatchObject({ app: { affinity: 'none' } });
  });

  test('middlewares of an entry point are those of its routers', () => {
    const { told } = read(`${dynamic('PathPrefix(`/`)').replace("':80' }", "':80', http: { middlewares: [m] } }")}`);
    expect(told.join()).toContain('open */: the middleware "m" is not in this file');
  });
});

test('routers on different entry points have routes on different listeners', () => {
  const { config } = read(`http:
  routers:
    out: { rule: 'PathPrefix(\`/\`)', service: app, entryPoints: [web] }
    in: { rule: 'PathPrefix(\`/\`)', service: admin, entryPoints: [internal] }
  services:
    app: { loadBalancer: { servers: [{ url: 'http://a:1' }] } }
    admin: { loadBalancer: { servers: [{ url: 'http://a:2' }] } }
entryPoints:
  web: { address: ':80' }
  internal: { address: '127.0.0.1:81' }
`);
  expect(config.routes).toEqual([
    { match: { listeners: [':80'] }, pool: 'app' },
    { match: { listeners: ['127.0.0.1:81'] }, pool: 'admin' },
  ]);
});

test.each([
  ['http: { routers: {} }\n', 't.yaml:1: found no router of Traefik'],
  [
    "http:\n  routers:\n    a: { rule: 'Nope', service: a }\n",
    't.yaml:3: no router of this file can be carried over, because of line 3',
  ],
  ['[http.routers.b]\n[http.routers.a\n', 't.yaml:3:1: not valid TOML'],
  ['[http.routers.a]\nrule = "x"\n[http.routers.a]\n', 't.yaml:3:'],
  ['http: [\n', 't.yaml:'],
])('%j is refused with its line', (text, message) => {
  expect(() => importText(text, 't.yaml', 'traefik')).toThrow(message);
});
