import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { importFixtures } from '../../../test/support/import-fixtures.ts';
import { readConfig } from '../../config/read.ts';
import { UsageError } from '../../errors.ts';
import type { Imported } from '../imported.ts';
import { readYaml } from '../yaml/yaml-file.ts';
import { importKubernetes } from './importer.ts';

const fixtures = importFixtures('kubernetes');

function read(imported: Imported) {
  return readConfig(imported.config, { source: { name: 'test', locate: () => null }, env: {}, variables: true });
}

/** null: it is no config of Kubernetes any more, and says so. */
function attempt(text: string): Imported | null {
  try {
    return importKubernetes(text, 'test.yaml');
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    expect((error as UsageError).message).toMatch(/^test\.yaml:[1-9][0-9]*:/);
    return null;
  }
}

function isContent(line: string): boolean {
  const text = line.trim();
  return text !== '' && !text.startsWith('#') && text !== '---';
}

test('there are four files of each kind', () => {
  const kinds = fixtures.map(({ text }) => (/^ *-? ?kind: HTTPRoute$/m.test(text) ? 'gateway' : 'ingress'));
  expect(kinds.filter((kind) => kind === 'ingress')).toHaveLength(4);
  expect(kinds.filter((kind) => kind === 'gateway')).toHaveLength(4);
});

describe.each(fixtures)('$name', ({ text, checks }) => {
  const lines = text.split('\n');
  const imported = importKubernetes(text, 'test.yaml');

  test('gives a config that can be read, without a warning', () => {
    expect(read(imported).warnings).toEqual([]);
    expect(checks().length).toBeGreaterThan(0);
  });

  test('has notes in the order of the file, each with its line', () => {
    const numbers = imported.notes.map(({ line }) => line);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    for (const { line, text, why } of imported.notes) {
      expect(text).toBe(lines[line - 1]?.trim());
      expect(why).not.toBe('');
    }
  });

  test('every line without a note matters: without it, or with another value, something else comes out', () => {
    const noted = new Set(imported.notes.map(({ line }) => line));
    const before = JSON.stringify([imported.config, imported.notes.map(({ text, why }) => [text, why])]);
    const idle: string[] = [];
    for (const [index, line] of lines.entries()) {
      if (!isContent(line) || noted.has(index + 1)) continue;
      const variants = [
        lines.with(index, line.replace(/[^\s:'"]+(['"]?\s*)$/, 'Qq-77$1')).join('\n'),
        lines.toSpliced(index, 1).join('\n'),
        lines.with(index, line.replaceAll(/\d+/g, '77')).join('\n'),
        lines.with(index, line.replaceAll(/: \{?[^,:{}]+/g, ': Qq')).join('\n'),
      ];
      const moved = variants.some((variant) => {
        const after = attempt(variant);
        return (
          after === null || before !== JSON.stringify([after.config, after.notes.map(({ text, why }) => [text, why])])
        );
      });
      if (!moved) idle.push(`${index + 1}: ${line.trim()}`);
    }
    // What an object is called only counts where another one asks for it, and its endpoints go before a Service's port.
    const fair = /^[0-9]+: (?:- )?(?:apiVersion|name|namespace|port|targetPort|protocol|addressType|kind: Pod)\b/;
    expect(idle.filter((line) => !fair.test(line))).toEqual([]);
  });
});

const anyText = fc.constantFrom(...fixtures.map(({ text }) => text));
const piece = fc.constantFrom(
  ...[':', '- ', '"', "'", '{', '}', '[', ']', '&a ', '*a', '<<: *a', '\n', '  ', '|', '0', '-1', '99999999999'],
  ...[
    '$',
    `\${X}`,
    '$$',
    '\u0000',
    '\u{1f600}',
    'null',
    'true',
    '~',
    '/',
    '*',
    '# ',
    '---\n',
    '\r',
    '\t',
    '%',
    '1e9',
    '::',
  ],
);
const edit = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), cut: fc.nat(12), put: piece });

test('whatever is done to a file, it is refused with a line, or gives a config that can be read', () => {
  fc.assert(
    fc.property(anyText, fc.array(edit, { minLength: 1, maxLength: 4 }), (text, edits) => {
      let mutated = text;
      for (const { at, cut, put } of edits) {
        const offset = Math.floor(at * mutated.length);
        mutated = mutated.slice(0, offset) + put + mutated.slice(offset + cut);
      }
      const imported = attempt(mutated);
      if (imported !== null) read(imported);
    }),
    { numRuns: 600 },
  );
});

test('lines may come twice, in another order, or not at all', () => {
  fc.assert(
    fc.property(anyText, fc.nat(), fc.nat(), fc.nat(6), (text, from, to, count) => {
      const lines = text.split('\n');
      const moved = lines.splice(from % lines.length, count);
      lines.splice(to % (lines.length + 1), 0, ...moved, ...moved);
      const imported = attempt(lines.join('\n'));
      if (imported !== null) read(imported);
    }),
    { numRuns: 400 },
  );
});

test('of a manifest that nobody reads every line is left out with a reason', () => {
  for (const { text } of fixtures) {
    const notes = readYaml(text, 'test.yaml').notes();
    const noted = new Set(notes.map(({ line }) => line));
    const missing = text.split('\n').flatMap((line, index) => (isContent(line) && !noted.has(index + 1) ? [line] : []));
    expect(missing).toEqual([]);
  }
});

test('any text is refused, not crashed on', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => void attempt(text)));
});

describe('refuses', () => {
  const refused = (text: string) => {
    try {
      importKubernetes(text, 'a.yaml');
    } catch (error) {
      if (error instanceof UsageError) return error.message;
      throw error;
    }
    return 'nothing';
  };

  test('broken YAML, with line and column', () => {
    expect(refused('kind: Ingress\nspec: [\n')).toMatch(/^a\.yaml:3:1: not valid YAML: /);
    expect(refused('kind: Ingress\nkind: Ingress\n')).toMatch(/^a\.yaml:2:1: not valid YAML: /);
  });

  test('a template, with what to do', () => {
    expect(refused('kind: Ingress\nname: {{ .Values.name }}: x\n')).toContain('render it first');
  });

  test('what is nested without end', () => {
    expect(refused('['.repeat(100_000))).toMatch(/^a\.yaml:[0-9:]+ not valid YAML/);
  });

  test('a file without a rule', () => {
    expect(refused('kind: Service\n')).toBe(
      'a.yaml:1: found no Ingress and no HTTPRoute, expected at least one of them',
    );
  });

  test('a file of which nothing is left, with the reason', () => {
    const text = `# no port\nkind: Ingress\nspec:\n  defaultBackend: { service: { name: web, port: { name: http } } }\n`;
    expect(refused(text)).toContain(
      'a.yaml:4: no rule of this Ingress can be carried over, because of line 4: the port "http"',
    );
  });
});

describe('what a person has to know first', () => {
  const ingress = (annotations: string, host = 'a.example', more = '') => `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: a
  annotations:
    ${annotations}
spec:
  rules:
    - host: ${host}
      http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: s, port: { number: 80 } } } }] }
---
apiVersion: v1
kind: Service
metadata: { name: s }
spec: { clusterIP: None, ports: [{ port: 80 }] }
${more}`;
  const concernsOf = (text: string) =>
    importKubernetes(text, 'a.yaml').notes.flatMap(({ concern, line, why }) =>
      concern ? [`${concern} ${line}: ${why}`] : [],
    );

  test.each([
    ['nginx.ingress.kubernetes.io/whitelist-source-range: 10.0.0.0/8', 'open'],
    ['nginx.ingress.kubernetes.io/auth-type: basic', 'open'],
    ['nginx.ingress.kubernetes.io/auth-url: https://auth.example', 'open'],
    ['nginx.ingress.kubernetes.io/limit-rps: "5"', 'open'],
    ['nginx.ingress.kubernetes.io/rewrite-target: /', 'not-working'],
    ['nginx.ingress.kubernetes.io/backend-protocol: HTTPS', 'not-working'],
    ['nginx.ingress.kubernetes.io/configuration-snippet: add_header x y;', 'not-working'],
    ['nginx.ingress.kubernetes.io/permanent-redirect: https://x', 'not-working'],
    ['nginx.ingress.kubernetes.io/upstream-hash-by: $ssl_session_id', 'not-sticky'],
    ['traefik.ingress.kubernetes.io/service.sticky.cookie: "true"', 'not-sticky'],
    ['haproxy.org/cookie-persistence: SRV', 'not-sticky'],
    ['haproxy-ingress.github.io/affinity: cookie', 'not-sticky'],
    ['nginx.org/sticky-cookie-services: serviceName=s srv_id', 'not-sticky'],
    ['appgw.ingress.kubernetes.io/cookie-based-affinity: "true"', 'not-sticky'],
    ['alb.ingress.kubernetes.io/target-group-attributes: stickiness.enabled=true', 'not-sticky'],
    ['alb.ingress.kubernetes.io/target-group-attributes: deregistration_delay.timeout_seconds=30', undefined],
    ['nginx.ingress.kubernetes.io/backend-protocol: HTTP', undefined],
    ['nginx.ingress.kubernetes.io/affinity: cookie', undefined],
  ])('%s: %s', (annotation, concern) => {
    expect(concernsOf(ingress(annotation)).map((one) => one.slice(0, one.indexOf(' ')))).toEqual(
      concern ? [concern] : [],
    );
  });

  test.each([
    [
      'DestinationRule',
      'spec: { trafficPolicy: { loadBalancer: { consistentHash: { httpCookie: { name: C, ttl: 0s } } } } }',
      'httpCookie C',
    ],
    [
      'BackendTrafficPolicy',
      'spec: { loadBalancer: { type: ConsistentHash, consistentHash: { type: Cookie, cookie: { name: C } } } }',
      'ConsistentHash, Cookie C',
    ],
    ['HTTPProxy', 'spec: { routes: [{ loadBalancerPolicy: { strategy: Cookie } }] }', 'Cookie'],
  ])('the stickiness of a %s is named', (kind, spec, named) => {
    const more = `---\napiVersion: x/v1\nkind: ${kind}\nmetadata: { name: p }\n${spec}`;
    expect(concernsOf(ingress('x: y', 'a.example', more))).toEqual([
      expect.stringMatching(new RegExp(`^not-sticky 20: its stickiness \\(${named}\\) is not carried over$`)),
    ]);
  });

  test('a template is no host, and a service that is only a name is not sticky', () => {
    const variable = '$'.concat('{HOST}');
    expect(() => importKubernetes(ingress('x: y', variable), 'a.yaml')).toThrow(
      `a.yaml:9: no rule of this Ingress can be carried over, because of line 9: host ${variable} is a template: render it first`,
    );
    const shared = ingress('nginx.ingress.kubernetes.io/affinity: cookie').replace('clusterIP: None, ', '');
    expect(concernsOf(shared)).toEqual([expect.stringMatching(/^not-sticky 10: NOT STICKY YET/)]);
  });
});

test('the idle time of a Service is that of Kubernetes where nothing is said', () => {
  const read = (config: string) => {
    const { config: made } = importKubernetes(
      `kind: HTTPRoute\napiVersion: gateway.networking.k8s.io/v1\nmetadata: { name: r }\nspec: { rules: [{ backendRefs: [{ name: s, port: 80 }] }] }\n---\napiVersion: v1\nkind: Service\nmetadata: { name: s }\nspec: { clusterIP: None, sessionAffinity: ClientIP, ${config} ports: [{ port: 80 }] }`,
      'a.yaml',
    );
    return (made.pools as { s: { affinity: unknown } }).s.affinity;
  };
  expect(read('')).toEqual([{ 'source-ip': { mode: 'table', ipv6Prefix: 128, idle: '3h' } }]);
  expect(read('sessionAffinityConfig: { clientIP: { timeoutSeconds: 600 } },')).toEqual([
    { 'source-ip': { mode: 'table', ipv6Prefix: 128, idle: '10m' } },
  ]);
});
