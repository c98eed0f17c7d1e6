import { describe, expect, test } from 'vitest';
import { readConfig } from '../../config/read.ts';
import { importKubernetes } from './importer.ts';

const service = (name: string, spec: string, ...ips: string[]) => `---
kind: Service
metadata: { name: ${name} }
spec: { ports: [{ port: 80 }]${spec} }
---
kind: Endpoints
metadata: { name: ${name} }
subsets: [{ addresses: [${ips.map((ip) => `{ ip: ${ip} }`).join(', ')}], ports: [{ port: 80 }] }]
`;
const web = service('web', '', '10.0.0.1', '10.0.0.2');

const gateway = (listeners: string) =>
  `---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: { name: gw }\nspec: { listeners: [${listeners}] }\n`;

/** An HTTPRoute whose only rule goes to `web`. */
const route = (rule: string, spec = '') =>
  `---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: { name: r }\nspec:\n  parentRefs: [{ name: gw }]\n${spec}  rules:\n    - backendRefs: [{ name: web, port: 80 }]\n${rule}`;

const sticky = (fields: string) => route(`      sessionPersistence: ${fields}\n`) + web;

const policy = (kind: string, target: string) =>
  `---\napiVersion: gateway.networking.k8s.io/v1alpha2\nkind: ${kind}\nmetadata: { name: p }\nspec:\n  ${target}\n  sessionPersistence: { sessionName: p }\n`;

function imported(text: string) {
  const { config, notes } = importKubernetes(text, 'test.yaml');
  const { options } = readConfig(config, { source: { name: 'test', locate: () => null }, env: {}, variables: true });
  const why = (part: string) =>
    notes.filter(({ text }) => text.includes(part)).map(({ kind, why }) => `${kind}: ${why}`);
  return {
    options,
    why,
    pools: config.pools as Record<string, Record<string, unknown>>,
    routes: config.routes,
    listeners: config.listeners,
  };
}

const affinityOf = (text: string) => imported(text).pools.web?.affinity;

describe('sessionPersistence', () => {
  test.each([
    ['{}', { idle: 'off' }],
    ['{ sessionName: s, type: Cookie }', { name: 's', idle: 'off' }],
    ['{ absoluteTimeout: 1h30m, idleTimeout: 600s }', { idle: '10m', absolute: '1h30m' }],
    [
      '{ absoluteTimeout: 1h, cookieConfig: { lifetimeType: Permanent } }',
      { lifetime: 'permanent', idle: 'off', absolute: '1h' },
    ],
    ['{ cookie: { name: s, path: /x, lifetimeType: Session } }', { name: 's', path: '/x', idle: 'off' }],
    ['{ absoluteTimeout: 1m, idleTimeout: 1h }', { idle: 'off', absolute: '1m' }],
  ])('cookie: %s', (written, cookie) => {
    expect(affinityOf(sticky(written))).toEqual([{ cookie }]);
  });

  test.each([
    ['{ type: Header, sessionName: X-S }', { name: 'X-S', idle: 'off' }],
    ['{ header: { name: X-S }, idleTimeout: 5m }', { name: 'X-S', idle: '5m' }],
  ])('header: %s', (written, header) => {
    expect(affinityOf(sticky(written))).toEqual([{ header }]);
  });

  test('that cannot be had says so', () => {
    const permanent = imported(sticky('\n        cookieConfig:\n          lifetimeType: Permanent'));
    expect(permanent.why('lifetimeType').join()).toContain('Permanent needs an absoluteTimeout');
    const header = imported(sticky('\n        type: Header'));
    expect(header.pools.web?.affinity).toBe('none');
    expect(header.why('type: Header').join()).toContain('left-out: NOT STICKY');
    expect(imported(sticky('\n        idleTimeout: 1d')).why('idleTimeout').join()).toContain(
      'left-out: expected a time',
    );
  });

  test.each([
    ['BackendLBPolicy', 'targetRefs: [{ group: "", kind: Service, name: web }]'],
    ['BackendLBPolicy', 'targetRef: { kind: Service, name: web }'],
    ['XBackendTrafficPolicy', 'targetRefs: [{ kind: Service, name: web }]'],
  ])('of a %s with %s holds for its Service', (kind, target) => {
    expect(affinityOf(route('') + web + policy(kind, target))).toEqual([{ cookie: { name: 'p', idle: 'off' } }]);
    const other = target.replace('name: web', 'name: other');
    expect(affinityOf(route('') + web + policy(kind, other))).toBe('none');
  });

  test('of a rule goes before that of a policy', () => {
    const text = sticky('{ sessionName: s }') + policy('BackendLBPolicy', 'targetRefs: [{ name: web }]');
    expect(affinityOf(text)).toMatchObject([{ cookie: { name: 's' } }]);
  });
});

describe('sessionAffinity: ClientIP of a Service', () => {
  const spec = ', sessionAffinity: ClientIP, sessionAffinityConfig: { clientIP: { timeoutSeconds: 600 } }';

  test('is a table of addresses', () => {
    expect(affinityOf(route('') + service('web', spec, '10.0.0.1'))).toEqual([
      { 'source-ip': { mode: 'table', ipv6Prefix: 128, idle: '10m' } },
    ]);
  });

  test('yields to sessionPersistence', () => {
    const text = route('      sessionPersistence: {}\n') + service('web', spec, '10.0.0.1');
    expect(affinityOf(text)).toMatchObject([{ cookie: {} }]);
  });
});

describe('listeners', () => {
  const ports = (text: string) => imported(text).listeners;

  test('are those for HTTP', () => {
    const all = gateway(
      '{ name: a, protocol: HTTP, port: 8080 }, { name: b, protocol: HTTPS, port: 443 }, { protocol: TCP, port: 9 }',
    );
    expect(ports(all + route('') + web)).toEqual([{ address: ':8080' }]);
  });

  test('for HTTPS alone are plain, and say so', () => {
    const { listeners, why } = imported(gateway('{ protocol: HTTPS, port: 443 }') + route('') + web);
    expect(listeners).toEqual([{ address: ':443' }]);
    expect(why('HTTPS')).toContain(
      'changed: the listener speaks plain HTTP: write tls.certificates for it, or end TLS before it',
    );
  });

  test('that are not in the file are a guess', () => {
    const { listeners, why } = imported(route('') + web);
    expect(listeners).toEqual([{ address: ':80' }]);
    expect(why('parentRefs').join()).toContain('this Gateway is not in the file');
  });

  test('narrow the hosts of their routes', () => {
    const one = gateway('{ protocol: HTTP, port: 80, hostname: "*.a.org" }');
    const hosts = (names: string) => {
      const { options } = imported(one + route('', names) + web);
      return options.routes.map(({ match }) => match.host);
    };
    expect(hosts('')).toEqual(['*.a.org']);
    expect(hosts('  hostnames: [x.a.org, y.b.org]\n')).toEqual(['x.a.org']);
  });
});

describe('rules', () => {
  test('match by path and method; one for a header is left out, or it would take all', () => {
    const matches =
      '      matches: [{ path: { type: Exact, value: /a }, method: GET }, { path: { value: /b }, headers: [{ name: x }] }]\n';
    const { routes, why } = imported(route(matches) + web);
    expect(routes).toEqual([{ match: { path: '/a', methods: ['GET'] }, pool: 'web' }]);
    expect(why('matches').join()).toContain('left-out: routes match host, path and method only');
    expect(why('matches').join()).toContain('changed: it matches what is below the path too');
  });

  test('with several Services have one pool, by weight, and 0 is kept', () => {
    const refs = 'backendRefs: [{ name: web, port: 80, weight: 3 }, { name: api, port: 80, weight: 0 }]';
    const text =
      route('').replace('backendRefs: [{ name: web, port: 80 }]', refs) + web + service('api', '', '10.0.1.1');
    expect(imported(text).pools['r-1']?.servers).toEqual([
      '10.0.0.1:80',
      '10.0.0.2:80',
      { address: '10.0.1.1:80', weight: 0 },
    ]);
  });

  test('take over time-outs and repeats', () => {
    const fields = '      timeouts: { request: 20s, backendRequest: 0s }\n      retry: { attempts: 4, codes: [503] }\n';
    expect(imported(route(fields) + web).pools.web).toMatchObject({
      timeouts: { response: 'off' },
      retry: { attempts: 5, deadline: '20s' },
    });
  });

  test('with the same Service and settings share a pool, and with others do not', () => {
    const rules = `    - { matches: [{ path: { value: /a } }], backendRefs: [{ name: web, port: 80 }] }\n    - { matches: [{ path: { value: /b } }], backendRefs: [{ name: web, port: 80 }], sessionPersistence: {} }\n`;
    expect(imported(route(rules) + web).routes).toEqual([
      { match: { path: '/a' }, pool: 'web' },
      { match: { path: '/b' }, pool: 'web-r-3' },
      { pool: 'web' },
    ]);
  });
});

describe('a route is on the listeners that it names', () => {
  const plain = '{ name: web, port: 80, protocol: HTTP }';
  const admin = '{ name: admin, port: 9090, protocol: HTTP, hostname: admin.example.org }';
  const secure = '{ name: tls, port: 443, protocol: HTTPS }';
  const onTo = (listeners: string, parents: string, spec = '') =>
    imported(
      gateway(listeners) + route('', spec).replace('parentRefs: [{ name: gw }]', `parentRefs: [${parents}]`) + web,
    );

  test.each([
    ['by name', '{ name: gw, sectionName: web }', [{ listeners: [':80'] }]],
    ['by port', '{ name: gw, port: 9090 }', [{ listeners: [':9090'], host: 'admin.example.org' }]],
    [
      'all, with the host that each has',
      '{ name: gw }',
      [{ listeners: [':9090'], host: 'admin.example.org' }, { listeners: [':80'] }],
    ],
    ['none that is in the file', '{ name: elsewhere }', undefined],
  ])('%s', (_, parents, matches) => {
    const { routes, listeners } = onTo(`${plain}, ${admin}`, parents);
    expect(listeners).toEqual([{ address: ':80' }, { address: ':9090' }]);
    expect(routes).toEqual(matches?.map((match) => ({ match, pool: 'web' })));
  });

  test('a secure one beside a plain one is served by that', () => {
    const { routes, listeners } = onTo(`${plain}, ${secure}`, '{ name: gw, sectionName: tls }');
    expect([routes, listeners]).toEqual([undefined, [{ address: ':80' }]]);
    const three = onTo(
      `${plain}, ${secure}, { name: other, port: 81, protocol: HTTP }`,
      '{ name: gw, sectionName: other }',
    );
    expect(three.routes).toEqual([{ match: { listeners: [':81'] }, pool: 'web' }]);
  });

  test('a name of the route counts where a listener has it', () => {
    const { routes } = onTo(
      `${plain}, ${admin}`,
      '{ name: gw }',
      '  hostnames: [admin.example.org, shop.example.org]\n',
    );
    expect(routes).toEqual([
      { match: { host: 'admin.example.org' }, pool: 'web' },
      { match: { listeners: [':80'], host: 'shop.example.org' }, pool: 'web' },
    ]);
  });
});
