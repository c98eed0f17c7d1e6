/** A config that is imported never has a server that is one of its own listeners, and never the same listener twice. */
import { describe, expect, test } from 'vitest';
import { checkWritten } from '../cli/import.ts';
import { UsageError } from '../errors.ts';
import { importText, writeImported } from './import.ts';
import type { ImportKind } from './imported.ts';

const nginx = (server: string, listen: string) =>
  `upstream a {\n server ${server};\n server 10.0.0.2:80;\n}\nserver {\n listen ${listen};\n location / { proxy_pass http://b; }\n}\n` +
  'upstream b { server 10.0.0.3:80; }\n';
const haproxy = (server: string, listen: string) =>
  `frontend f\n mode http\n bind ${listen}\n default_backend b\nbackend b\n mode http\n server a ${server}\n server c 10.0.0.2:80\n`;
const caddy = (server: string, listen: string) => `${listen} {\n reverse_proxy 10.0.0.2:80 {\n  to ${server}\n }\n}\n`;
const socket = (text: string) => {
  const [, host, port] = /^(.*):(\d+)$/.exec(text) ?? [];
  return `{ socket_address: { address: "${host}", port_value: ${port} } }`;
};
const envoy = (server: string, listen: string) => `static_resources:
  listeners:
  - address: ${socket(listen)}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          route_config:
            virtual_hosts:
            - name: a
              domains: ["*"]
              routes:
              - match: { prefix: / }
                route: { cluster: c }
  clusters:
  - name: c
    type: STRICT_DNS
    load_assignment:
      endpoints:
      - lb_endpoints:
        - endpoint: { address: ${socket(server)} }
        - endpoint: { address: ${socket('10.0.0.2:80')} }
`;
const traefik = (server: string, listen: string) => `entryPoints:
  web:
    address: "${listen}"
http:
  routers:
    r:
      rule: PathPrefix(\`/\`)
      service: s
  services:
    s:
      loadBalancer:
        servers:
          - url: http://${server}
          - url: http://10.0.0.2:80
`;
const ingress = (pods: string) => `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: i
spec:
  rules:
  - http:
      paths:
      - path: /
        pathType: Prefix
        backend:
          service:
            name: app
            port: { number: 80 }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: app-1
  labels:
    kubernetes.io/service-name: app
addressType: IPv4
ports:
- port: 80
endpoints:
${pods}`;

function imported(text: string, kind: ImportKind) {
  const result = importText(text, 'file', kind);
  const yaml = writeImported(result, 'file');
  checkWritten(yaml, 'file');
  const { listeners, pools } = result.config as { listeners: { address: string }[]; pools: Record<string, unknown> };
  return {
    yaml,
    notes: result.notes,
    addresses: listeners.map(({ address }) => address),
    pools: JSON.stringify(pools),
  };
}

describe.each([
  ['nginx', nginx, 2],
  ['haproxy', haproxy, 7],
  ['caddy', caddy, 3],
  ['envoy', envoy, 21],
  ['traefik', traefik, 13],
] as const)('%s: a server that is a listener is left out, with its line and address', (kind, text, line) => {
  test.each([
    ['192.168.5.10:81', '192.168.5.10:81'],
    ['127.0.0.1:81', ':81'],
    ['127.8.0.1:81', ':81'],
    ['localhost:81', ':81'],
    ['app.localhost:81', ':81'],
    ['0.0.0.0:81', ':81'],
    ['localhost:81', '127.0.0.1:81'],
  ])('%s, listening on %s', (server, listen) => {
    // The address of a site of Caddy is a host; `bind` gives the address of its listener.
    const [, host, port] = /^(.*):(.*)$/.exec(listen) ?? [];
    const bound = kind === 'caddy' && host !== '' ? text(server, `:${port}`).replace('{', `{ bind ${host}\n`) : null;
    const listening = kind === 'envoy' && host === '' ? `0.0.0.0${listen}` : listen;
    const { notes, pools } = imported(bound ?? text(server, listening), kind);
    expect(pools).not.toContain(server);
    expect(pools).toContain('10.0.0.2:80');
    const why = `the server ${server} is left out: this balancer itself listens there (${listen}), so requests would never end`;
    const told = notes.filter(
      (note) => note.concern === 'not-working' && note.line === line + (bound === null ? 0 : 1),
    );
    // HAProxy and its importer know the plainer cases from the file alone.
    expect(told.map((note) => note.why)).toEqual([
      kind === 'haproxy' && !/app|0\.0\.0\.0/.test(server) && !(server.startsWith('local') && host !== '')
        ? 'line 3 of this file listens there: let the routes lead to the servers behind it'
        : why,
    ]);
  });
});

test('kubernetes: a pod that is a listener is left out', () => {
  const { notes, pools } = imported(ingress('- addresses: [127.0.0.1]\n- addresses: [10.0.0.1]\n'), 'ingress');
  expect(pools).not.toContain('127.0.0.1');
  expect(notes.filter(({ concern }) => concern !== undefined)).toMatchObject([
    {
      line: 26,
      concern: 'not-working',
      why: 'the server 127.0.0.1:80 is left out: this balancer itself listens there (:80), so requests would never end',
    },
  ]);
  // The name of the Service is there in any case.
  expect(imported(ingress('- addresses: [127.0.0.1]\n'), 'ingress').pools).toContain(
    '"app.default.svc.cluster.local:80"',
  );
});

test('kubernetes: a Service that stands for a listener', () => {
  const [rule = ''] = ingress('').split('---\n');
  const service =
    'kind: Service\nmetadata:\n  name: app\nspec:\n  type: ExternalName\n  externalName: localhost\n  ports: [{ port: 80 }]\n';
  const read = () => importText(`${rule}---\napiVersion: v1\n${service}`, 'file', 'ingress');
  expect(read).toThrow(UsageError);
  expect(read).toThrow(/^file:13: .*the server localhost:80 is left out/);
});

test('the proxy_pass of nginx to a listener in another spelling', () => {
  const text = nginx('10.0.0.9:80', '80').replace(
    'http://b;',
    'http://b; } location /loop { proxy_pass http://app.localhost;',
  );
  const { notes, pools } = imported(text, 'nginx');
  expect(pools).not.toContain('app.localhost');
  expect(notes.filter(({ concern }) => concern !== undefined)).toMatchObject([
    { line: 7, why: expect.stringContaining('the server app.localhost:80 is left out') },
  ]);
});

describe('a listener whose address is chosen here makes room for the servers of the file', () => {
  test('a site of Caddy with TLS', () => {
    const { addresses, pools } = imported('example.org {\n reverse_proxy localhost:8080 localhost:8081\n}\n', 'caddy');
    expect(addresses).toEqual([':8082']);
    expect(pools).toContain('["localhost:8080","localhost:8081"]');
  });

  test('and for the other listeners', () => {
    const text = 'example.org {\n reverse_proxy localhost:8080\n}\n:8081 {\n reverse_proxy 10.0.0.1:80\n}\n';
    expect(imported(text, 'caddy').addresses.toSorted()).toEqual([':8081', ':8082']);
  });

  test('a file of Traefik without entry points', () => {
    const whole = traefik('localhost:8080', ':80');
    const text = whole.slice(whole.indexOf('http:\n'));
    const { addresses, pools } = imported(text, 'traefik');
    expect(addresses).toEqual([':8081']);
    expect(pools).toContain('localhost:8080');
  });
});

describe('one listener in two spellings is one', () => {
  test('nginx', () => {
    const text = `${nginx('10.0.0.9:80', '127.0.0.1:81')}server { listen localhost:81; server_name x; location / { proxy_pass http://a; } }\n`;
    expect(imported(text, 'nginx').addresses).toEqual(['127.0.0.1:81']);
  });

  test('haproxy', () => {
    const { addresses, notes } = imported(haproxy('10.0.0.9:80', '127.0.0.1:81\n bind localhost:81'), 'haproxy');
    expect(addresses).toEqual(['127.0.0.1:81']);
    expect(notes).toMatchObject([
      { line: 4, why: 'nothing listens on localhost:81: another line listens on 127.0.0.1:81 already' },
    ]);
  });

  test('traefik', () => {
    const text = traefik('10.0.0.9:80', '127.0.0.1:81').replace('http:', '  two:\n    address: localhost:81\nhttp:');
    expect(imported(text, 'traefik').addresses).toEqual(['127.0.0.1:81']);
  });
});
