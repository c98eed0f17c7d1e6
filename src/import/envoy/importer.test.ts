import { describe, expect, test } from 'vitest';
import { importText } from '../import.ts';

interface Parts {
  readonly route?: string;
  readonly action?: string;
  readonly match?: string;
  readonly cluster?: string;
  readonly filters?: string;
  readonly manager?: string;
}

/** One listener, one virtual host, one route to two servers. Each part is flow YAML. */
function envoy({ route = '', action = '', match = '{ prefix: / }', cluster = '', filters = '', manager = '' }: Parts) {
  const text = `static_resources:
  listeners:
    - address: { socket_address: { address: 0.0.0.0, port_value: 80 } }
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                upgrade_configs: [{ upgrade_type: websocket }]
${manager}
                http_filters: [${filters}]
                route_config:
                  virtual_hosts:
                    - domains: ["*"]
                      routes:
                        - match: ${match}
                          route: { cluster: app, timeout: 0s ${action} }
${route}
                        - match: { prefix: /last/ }
                          route: { cluster: other, timeout: 0s }
  clusters:
    - name: app
${cluster}
      load_assignment:
        endpoints:
          - lb_endpoints:
              - endpoint: { address: { socket_address: { address: 10.0.0.1, port_value: 80 } } }
              - endpoint: { address: { socket_address: { address: 10.0.0.2, port_value: 80 } } }
    - name: other
      load_assignment: { endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 10.0.0.3, port_value: 80 } } } }] }] }
`;
  const { config, notes } = importText(text, 'envoy.yaml', 'envoy');
  const pools = config.pools as Record<string, Record<string, unknown>>;
  return { config, pools, app: pools.app ?? {}, told: notes.map(({ why, concern }) => `${concern ?? '-'} ${why}`) };
}

const ring = '      lb_policy: RING_HASH';

describe('hash policies', () => {
  test.each<[policy: string, affinity: unknown]>([
    [
      '[{ cookie: { name: c, ttl: 60s } }]',
      [{ cookie: { name: 'c', idle: 'off', lifetime: 'permanent', absolute: '1m' } }],
    ],
    ['[{ cookie: { name: c, ttl: 0s, path: /x } }]', [{ cookie: { name: 'c', idle: 'off', path: '/x' } }]],
    ['[{ cookie: { name: SID } }]', [{ learn: { cookie: 'SID' } }]],
    ['[{ header: { header_name: X-User } }]', [{ header: 'X-User' }]],
    ['[{ header: { header_name: ":path" } }]', [{ path: '^(.*)$' }]],
    ['[{ query_parameter: { name: q } }]', [{ query: 'q' }]],
    ['[{ connection_properties: { source_ip: true } }]', [{ 'source-ip': { ipv6Prefix: 128 } }]],
    [
      '[{ header: { header_name: a }, terminal: true }, { query_parameter: { name: q } }]',
      [{ header: 'a' }, { query: 'q' }],
    ],
  ])('%s', (policy, affinity) => {
    expect(envoy({ action: `, hash_policy: ${policy}`, cluster: ring }).app.affinity).toEqual(affinity);
  });

  test('keep nobody where the cluster does not hash', () => {
    const { app, told } = envoy({ action: ', hash_policy: [{ query_parameter: { name: q } }]' });
    expect(app.affinity).toBe('none');
    expect(told).toEqual(['- the policy of its cluster does not hash']);
  });

  test('that nothing corresponds to are told', () => {
    const { told } = envoy({ action: ', hash_policy: [{ filter_state: { key: k } }]', cluster: ring });
    expect(told).toContain('not-sticky no affinity looks at this: its clients go anywhere');
  });
});

describe('stateful sessions', () => {
  const filter = (inner: string) => `{ name: envoy.filters.http.stateful_session, typed_config: { ${inner} } }`;
  const jar = (name: string) =>
    `session_state: { name: envoy.http.stateful_session.cookie, typed_config: { cookie: { name: ${name} } } }`;
  const override = (inner: string) =>
    `                          typed_per_filter_config: { envoy.filters.http.stateful_session: { ${inner} } }`;

  test('by cookie, and strict', () => {
    const { app, told } = envoy({ filters: filter(`strict: true, ${jar('s')}`) });
    expect(app).toMatchObject({ affinity: [{ cookie: { name: 's', idle: 'off' } }], whenOwnerFails: { reject: 503 } });
    // The filter is there for every cluster.
    expect(told).toEqual(['- the cookie is s-other, because s is that of another pool']);
  });
  test('disabled or another one for a route', () => {
    expect(envoy({ filters: filter(jar('s')), route: override('disabled: true') }).app.affinity).toBe('none');
    const { app } = envoy({ filters: filter(jar('s')), route: override(`stateful_session: { ${jar('own')} }`) });
    expect(app.affinity).toEqual([{ cookie: { name: 'own', idle: 'off' } }]);
  });
  test('by a header, which nobody hands out here', () => {
    const state = 'session_state: { name: envoy.http.stateful_session.header, typed_config: { name: X-S } }';
    const { app, told } = envoy({ filters: filter(state) });
    expect(app.affinity).toEqual([{ header: 'X-S' }]);
    expect(told.join()).toContain('not-sticky Envoy gave clients this header itself');
  });
  test('of routes to the same servers are the same', () => {
    const more =
      '                        - match: { prefix: /b/ }\n                          route: { cluster: app, timeout: 5s }';
    const { pools, config, told } = envoy({ match: '{ prefix: /a/ }', route: more, filters: filter(jar('s')) });
    expect(Object.keys(pools)).toEqual(['app', 'other']);
    expect((config.routes as { pool: string }[]).map(({ pool }) => pool)).toEqual(['app', 'app', 'other']);
    expect(told.join()).toContain('its sessions are those of another route, "app"');
  });
});

describe('nothing is left out in silence', () => {
  test.each<[parts: Parts, told: string]>([
    [{ filters: '{ name: envoy.filters.http.rbac }' }, 'open :80: envoy.filters.http.rbac let in by its rules only'],
    [
      { filters: '{ name: envoy.filters.http.ext_authz }' },
      'open :80: envoy.filters.http.ext_authz asked another server who may come in',
    ],
    [
      { filters: '{ name: envoy.filters.http.jwt_authn }' },
      'open :80: envoy.filters.http.jwt_authn let in holders of a token only',
    ],
    [{ filters: '{ name: org.example.own }' }, 'open if this filter kept anybody out, it does so no more'],
    [{ action: ', prefix_rewrite: /x' }, 'not-working servers get the path of the client'],
    [{ action: ', auto_host_rewrite: true' }, 'not-working servers get the Host that the client asked for'],
    [
      { match: '{ prefix: /, headers: [{ name: x, present_match: true }] }' },
      'not-working its requests go nowhere: no route can look at the header x',
    ],
    [
      { match: '{ safe_regex: { regex: "/a/[0-9]+" } }' },
      'not-working its requests go nowhere: no route can say the pattern /a/[0-9]+',
    ],
    [
      { cluster: '      transport_socket: { name: envoy.transport_sockets.tls }' },
      'not-working its requests go nowhere: TLS to servers is not carried over: write tls for the pool',
    ],
    [
      { cluster: '      type: EDS' },
      'not-working its requests go nowhere: the servers of its cluster (EDS) are not in this file',
    ],
    [{ match: '{ prefix: /a }' }, '- prefixes are matched by whole segments: /a/b, not /ab'],
    [{ match: '{ path: /a }' }, '- paths below /a match too'],
  ])('%j', (parts, told) => expect(envoy(parts).told).toContain(told));

  test('what is refused here and not there', () => {
    const route =
      '                        - match: { prefix: /last/admin }\n                          direct_response: { status: 403 }';
    expect(envoy({ route, match: '{ prefix: /a/ }' }).told).toContain('open *: what was refused goes to a server now');
  });
});

test('times are those of Envoy where nothing is said', () => {
  const { pools } = envoy({});
  expect(pools.app?.timeouts).toEqual({ connect: '5s', response: 'off', responseBody: '5m', tunnel: '5m' });
});

test.each([
  ['admin: {}\n', 'envoy.yaml:1: found no static_resources with listeners, expected a bootstrap of Envoy'],
  [
    'static_resources: { listeners: [{ name: a }] }\n',
    'envoy.yaml:1: no route of this file can be carried over, because of line 1: it is no address to listen on',
  ],
  ['static_resources: [\n', 'envoy.yaml:'],
])('%j is refused with its line', (text, message) => {
  expect(() => importText(text, 'envoy.yaml', 'envoy')).toThrow(message);
});
