import { describe, expect, test } from 'vitest';
import { readConfig } from '../../config/read.ts';
import { importKubernetes } from './importer.ts';

interface Path {
  readonly path?: string;
  readonly host?: string;
  readonly service?: string;
  readonly type?: string;
}

const service = (name: string, ...ips: string[]) => `---
kind: Service
metadata: { name: ${name} }
spec: { ports: [{ port: 80 }] }
---
kind: Endpoints
metadata: { name: ${name} }
subsets: [{ addresses: [${ips.map((ip) => `{ ip: ${ip} }`).join(', ')}], ports: [{ port: 80 }] }]
`;
const both = service('web', '10.0.0.1', '10.0.0.2') + service('api', '10.0.1.1', '10.0.1.2');

function ingress(annotations: Readonly<Record<string, string>>, paths: readonly Path[] = [{}], name = 'main'): string {
  const written = Object.entries(annotations).map(
    ([key, value]) => `    nginx.ingress.kubernetes.io/${key}: '${value}'`,
  );
  const rules = paths.map(
    ({ path = '/', host = '', service = 'web', type = 'Prefix' }) =>
      `    - { ${host === '' ? '' : `host: "${host}", `}http: { paths: [{ path: "${path}", pathType: ${type}, backend: { service: { name: ${service}, port: { number: 80 } } } }] } }`,
  );
  const head = `---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: ${name}\n  annotations:\n    x: y\n`;
  return `${head}${written.map((line) => `${line}\n`).join('')}spec:\n  rules:\n${rules.join('\n')}\n`;
}

function imported(text: string) {
  const { config, notes } = importKubernetes(text, 'test.yaml');
  const { options } = readConfig(config, { source: { name: 'test', locate: () => null }, env: {}, variables: true });
  const why = (start: string) =>
    notes.filter(({ text }) => text.includes(start)).map(({ kind, why }) => `${kind}: ${why}`);
  return { options, why, pools: config.pools as Record<string, Record<string, unknown>>, routes: config.routes };
}

/** What is written of the one pool of an Ingress with these annotations. */
const poolOf = (annotations: Readonly<Record<string, string>>) => imported(ingress(annotations) + both).pools.web;

describe('affinity: cookie', () => {
  test('has the name of the controller, its failover, and no idle time', () => {
    expect(poolOf({ affinity: 'cookie' })).toMatchObject({
      affinity: [{ cookie: { name: 'INGRESSCOOKIE', idle: 'off' } }],
      whenOwnerFails: 'temporary',
    });
  });

  test('takes over every attribute', () => {
    const pool = poolOf({
      affinity: 'cookie',
      'session-cookie-name': 'sid',
      'session-cookie-path': '/app',
      'session-cookie-domain': '.Example.org',
      'session-cookie-samesite': 'None',
      'session-cookie-secure': 'true',
      'session-cookie-expires': '3600',
      'session-cookie-change-on-failure': 'true',
    });
    expect(pool).toEqual({
      servers: ['10.0.0.1:80', '10.0.0.2:80'],
      affinity: [
        {
          cookie: {
            ...{ name: 'sid', path: '/app', domain: 'example.org', sameSite: 'None', secure: 'always' },
            ...{ idle: 'off', lifetime: 'permanent', absolute: '1h' },
          },
        },
      ],
    });
  });

  test('lets Max-Age go before Expires, as browsers do', () => {
    const text =
      ingress({ affinity: 'cookie', 'session-cookie-expires': '60', 'session-cookie-max-age': '120' }) + both;
    const { pools, why } = imported(text);
    expect(pools.web?.affinity).toMatchObject([{ cookie: { absolute: '2m' } }]);
    expect(why('cookie-expires')).toEqual(['left-out: browsers let Max-Age go before Expires']);
  });

  test('leaves out what browsers would drop', () => {
    const annotations = {
      affinity: 'cookie',
      'session-cookie-name': '__Host-a',
      'session-cookie-path': '/a',
      'session-cookie-domain': 'a.b',
    };
    const { pools, why } = imported(ingress(annotations) + both);
    expect(pools.web?.affinity).toEqual([{ cookie: { name: '__Host-a', idle: 'off' } }]);
    expect([...why('cookie-path'), ...why('cookie-domain')]).toHaveLength(2);
  });

  test('lives at the path of its rule, when there is one', () => {
    expect(imported(ingress({ affinity: 'cookie' }, [{ path: '/a/' }]) + both).pools.web?.affinity).toMatchObject([
      { cookie: { path: '/a' } },
    ]);
    const two = imported(ingress({ affinity: 'cookie' }, [{ path: '/a' }, { path: '/b' }]) + both);
    expect(two.pools.web?.affinity).toEqual([{ cookie: { name: 'INGRESSCOOKIE', idle: 'off' } }]);
  });

  test('of two pools that would overwrite each other gets two names', () => {
    const paths = [{ path: '/a' }, { path: '/b' }, { path: '/c', service: 'api' }, { path: '/d', service: 'api' }];
    const { pools, why } = imported(ingress({ affinity: 'cookie' }, paths) + both);
    expect(pools.api?.affinity).toMatchObject([{ cookie: { name: 'INGRESSCOOKIE-api' } }]);
    expect(why('affinity').join()).toContain('its cookie is named INGRESSCOOKIE-api');
  });

  test('goes before a hash', () => {
    const { pools, why } = imported(ingress({ affinity: 'cookie', 'upstream-hash-by': '$arg_x' }) + both);
    expect(pools.web?.affinity).toMatchObject([{ cookie: {} }]);
    expect(why('upstream-hash-by')).toEqual(['left-out: the cookie goes before it, there too']);
  });
});

test.each([
  ['$binary_remote_addr', { 'source-ip': { ipv6Prefix: 128 } }],
  [`\${remote_addr}`, { 'source-ip': { ipv6Prefix: 128 } }],
  ['$http_x_user', { header: 'x-user' }],
  ['$cookie_JSESSIONID', { learn: { cookie: 'JSESSIONID' } }],
  ['$arg_room', { query: 'room' }],
  ['$request_uri$host', { path: '(/.*)' }],
  [`\${request_uri}-text`, { path: '(/.*)' }],
])('upstream-hash-by %s', (key, entry) => {
  expect(poolOf({ 'upstream-hash-by': key })?.affinity).toEqual([entry]);
});

test.each(['$http_cookie', '$arg_a$arg_b', 'text', '$ssl_session_id'])('upstream-hash-by %s is left out', (key) => {
  const { pools, why } = imported(ingress({ 'upstream-hash-by': key }) + both);
  expect(pools.web?.affinity).toBe('none');
  expect(why('upstream-hash-by').join()).toMatch(/^(?:left-out|changed): .* is no key that is known here/);
});

test.each([
  ['round_robin', 'none', 'round-robin'],
  ['ewma', 'none', 'two-choices'],
  ['least_conn', 'none', undefined],
  ['ip_hash', [{ 'source-ip': { ipv4Prefix: 24, ipv6Prefix: 128 } }], undefined],
])('load-balance %s', (word, affinity, balance) => {
  const pool = poolOf({ 'load-balance': word });
  expect([pool?.affinity, pool?.balance]).toEqual([affinity, balance]);
});

test('without annotations nothing sticks, as there', () => {
  expect(poolOf({})).toEqual({ servers: ['10.0.0.1:80', '10.0.0.2:80'], affinity: 'none', balance: 'round-robin' });
});

test('time-outs, repeats and sizes', () => {
  const annotations = {
    ...{ 'proxy-connect-timeout': '5', 'proxy-read-timeout': '90', 'proxy-next-upstream-tries': '0' },
    ...{ 'proxy-next-upstream-timeout': '7', 'proxy-body-size': '2m' },
  };
  const { pools, options } = imported(
    ingress(annotations) + ingress({ 'proxy-body-size': '5m' }, [{ path: '/x' }], 'two') + both,
  );
  expect(pools.web).toMatchObject({
    timeouts: { connect: '5s', response: '1m30s', responseBody: '1m30s', tunnel: '1m30s' },
    retry: { attempts: 10, deadline: '7s' },
  });
  expect(options.listeners[0]?.limits.bodyBytes).toBe(5 * 1024 ** 2);
});

describe('rules', () => {
  test('are asked in the order of Kubernetes', () => {
    const paths = [{ service: 'api' }, { host: '*.a.org' }, { host: 'x.a.org' }, { host: 'x.a.org', path: '/long' }];
    const { routes } = imported(ingress({}, paths) + both);
    expect(routes).toEqual([
      { match: { host: 'x.a.org', path: '/long' }, pool: 'web' },
      { match: { host: 'x.a.org' }, pool: 'web' },
      { match: { host: '*.a.org' }, pool: 'web' },
      { pool: 'api' },
    ]);
  });

  test('of the same host and path: the first one serves', () => {
    const { routes, why } = imported(ingress({}, [{ host: 'A.org' }, { host: 'a.org', service: 'api' }]) + both);
    expect(routes).toEqual([{ match: { host: 'a.org' }, pool: 'web' }]);
    expect(why('name: api, port').join()).toContain('has the same host and path, and goes first');
  });

  test('hold no variable, whatever their path looks like', () => {
    const { options } = imported(ingress({}, [{ path: `/\${HOME}` }]) + both);
    expect(options.routes[0]?.match.path).toBe(`/\${HOME}`);
  });

  test('say what is not quite the same', () => {
    const { why } = imported(ingress({}, [{ path: '/x', type: 'Exact', host: '*.a.org' }]) + both);
    expect(why('Exact')).toEqual(
      [
        'changed: it matches what is below the path too',
        expect.stringContaining('changed: it matches deeper'),
      ].toReversed(),
    );
  });
});

describe('a canary', () => {
  const canary = (annotations: Readonly<Record<string, string>>) =>
    imported(
      ingress({ affinity: 'cookie' }) +
        ingress({ canary: 'true', ...annotations }, [{ service: 'api' }], 'canary') +
        both,
    );

  test('joins the pool with its share', () => {
    expect(canary({ 'canary-weight': '25' }).pools).toMatchObject({
      web: {
        servers: [
          { address: '10.0.0.1:80', weight: 3 },
          { address: '10.0.0.2:80', weight: 3 },
          '10.0.1.1:80',
          '10.0.1.2:80',
        ],
      },
    });
  });

  test('that a header picks is left out whole', () => {
    const { pools, why } = canary({ 'canary-by-header': 'X-Canary' });
    expect(pools.web?.servers).toEqual(['10.0.0.1:80', '10.0.0.2:80']);
    expect(why('name: api, port').join()).toContain('not picked by header or cookie');
  });
});

describe('a Service', () => {
  const rule = ingress({ affinity: 'cookie' });

  test('of which only the name is known is said to be no server', () => {
    const { pools, why } = imported(rule);
    expect(pools.web?.servers).toEqual(['web.default.svc.cluster.local:80']);
    expect(why('name: web').join()).toContain('changed: NOT STICKY YET');
  });

  test('outside the cluster is one server', () => {
    const { pools } = imported(
      `${rule}---\nkind: Service\nmetadata: { name: web }\nspec: { type: ExternalName, externalName: db.example.org, ports: [{ port: 80 }] }\n`,
    );
    expect(pools.web?.servers).toEqual(['db.example.org:80']);
  });

  const set = (spec: string) =>
    `${rule}---\nkind: Service\nmetadata: { name: web }\nspec: { clusterIP: None, ports: [{ port: 80, targetPort: http }] }\n---\nkind: StatefulSet\nmetadata: { name: pod }\nspec: { serviceName: web, ${spec} }\n`;
  const template = 'template: { spec: { containers: [{ ports: [{ name: http, containerPort: 3000 }] }] } }';

  test('of a StatefulSet has a server for each pod, by name', () => {
    const { pools } = imported(set(`replicas: 2, ${template}`));
    expect(pools.web?.servers).toEqual([
      { name: 'pod-0', address: 'pod-0.web.default.svc.cluster.local:3000' },
      { name: 'pod-1', address: 'pod-1.web.default.svc.cluster.local:3000' },
    ]);
  });

  test('of a StatefulSet of a billion pods is not believed', () => {
    const { pools, why } = imported(set(`replicas: 1000000000, ${template}`));
    expect(pools.web?.servers).toEqual([{ address: 'web.default.svc.cluster.local:80', resolve: 'all' }]);
    expect(why('serviceName').join()).toContain('no number of pods from 1 to 1000');
  });

  test('has the pods of its slices that are ready, by name', () => {
    const slice = `---
kind: EndpointSlice
metadata: { labels: { kubernetes.io/service-name: web } }
ports: [{ port: 8080 }]
endpoints:
  - { addresses: [10.0.0.1], conditions: { ready: true }, targetRef: { name: web-a } }
  - { addresses: [10.0.0.2], conditions: { ready: false }, targetRef: { name: web-b } }
`;
    const { pools, why } = imported(rule + slice);
    expect(pools.web?.servers).toEqual([{ name: 'web-a', address: '10.0.0.1:8080' }]);
    expect(why('10.0.0.2')).toEqual(['left-out: this pod is not ready']);
  });

  test('in another namespace is another one', () => {
    const { pools } = imported(rule + both.replaceAll('name: web }', 'name: web, namespace: other }'));
    expect(pools.web?.servers).toEqual(['web.default.svc.cluster.local:80']);
  });
});
