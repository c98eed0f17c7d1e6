/**
 * The arrows that never exist between the folders of `src`, and the reader that finds them. What a folder
 * may not import is the architecture: it keeps a policy free of requests and a parser free of sockets.
 * Type imports count as well, except where a rule allows them by name.
 */
import type { Import, Place, SourceFile } from './source-file.ts';

export interface Arrow {
  /** Files that the rule is for, and those among them that it is not for. */
  readonly from: readonly Place[];
  readonly notFrom?: readonly Place[];
  /** What they may not import. */
  readonly never?: readonly Place[];
  /** What of `never` they may import all the same. */
  readonly except?: readonly Place[];
  /** What of `never` they may import as `import type`. */
  readonly typesOf?: readonly Place[];
  /** The whole list of what they may import from `src`, beside their own place. Instead of `never`. */
  readonly only?: readonly Place[];
  /** Globals they may not use: `Bun`, or a member such as `Math.random`. */
  readonly neverUse?: readonly string[];
  readonly why: string;
}

const base = ['src/errors.ts', 'src/ip.ts', 'src/time', 'src/metrics/counters.ts'];
const bunSockets = ['src/net/bun.ts', 'src/net/bun'];
const runtimeSockets = ['src/net/node.ts', 'src/net/node', ...bunSockets];
const composition = [
  'src/balancer',
  'src/shared',
  'src/workers',
  'src/index.ts',
  'src/handle.ts',
  'src/cli',
  'src/explain',
];

/** What the first request to the admin listener loads. */
const adminApp = ['app.ts', 'problem.ts', 'schemas.ts', 'routes'].map((name) => `src/admin/${name}`);

/** The folders of the importers. What they share is beside them, in src/import and src/import/yaml. */
const importers = ['haproxy', 'nginx', 'kubernetes', 'caddy', 'envoy', 'traefik'].map((name) => `src/import/${name}`);

export const arrows: readonly Arrow[] = [
  { from: ['src/errors.ts'], only: [], why: 'everyone imports the registry of faults' },
  { from: ['src/ip.ts'], only: [], why: 'sockets, headers and config mean the same by an address' },
  { from: ['src/time'], only: ['src/errors.ts'], why: 'a clock knows nobody who looks at it' },
  { from: ['src/metrics/counters.ts'], only: ['src/errors.ts'], why: 'a counter knows nobody who counts' },
  {
    from: ['src/metrics/histogram.ts', 'src/metrics/exchange-stats.ts'],
    only: ['src/errors.ts', 'src/metrics/access-log.ts'],
    why: 'statistics know nobody who observes',
  },
  { from: ['src/events'], only: base, why: 'who has something to report knows the bus, and the bus knows nobody' },
  {
    from: ['src/tracing'],
    only: base,
    why: 'spans are made of plain records: who traces knows neither requests nor sockets',
  },
  { from: ['src/secrets'], only: ['src/errors.ts'], why: 'a file of ours is the same for balancer, store and library' },
  { from: ['src/http'], only: base, why: 'bytes in, values out: no sockets, no features' },
  { from: ['src/net'], only: base, why: 'a socket does not know what is said over it' },
  {
    from: ['src/discovery'],
    only: [...base, 'src/config/options.ts', 'src/net/socket.ts', 'src/net/tls.ts', 'src/net/shortage.ts'],
    why: 'addresses of names are found without knowing who connects to them, or what for',
  },
  {
    from: ['src/balance'],
    never: ['src/http', 'src/affinity', 'src/table', 'src/health', 'src/proxy', 'src/failover', 'src/store'],
    why: 'a policy never sees a request: it gets servers and a key',
  },
  {
    from: ['src/affinity'],
    never: [
      'src/balance',
      'src/fleet',
      'src/proxy',
      'src/net',
      'src/health',
      'src/failover',
      'src/table',
      'src/ownership',
    ],
    why: 'an affinity says who the client is and never chooses a server',
  },
  { from: ['src/table'], only: base, why: 'the table knows its own record: server numbers, not servers' },
  {
    from: ['src/store'],
    only: [...base, 'src/secrets'],
    why: 'a store keeps copies of sessions: it knows no server, no request and no config',
  },
  {
    from: ['src/nodes'],
    only: [...base, 'src/config/options.ts', 'src/events', 'src/secrets', 'src/store'],
    why: 'what the balancers of a fleet tell each other is plain values: nodes know no request, no session and no worker',
  },
  {
    from: ['src/fleet'],
    only: [...base, 'src/net/socket.ts'],
    why: 'a fleet knows its servers and their state, not who judges them or who chooses one',
  },
  {
    from: ['src'],
    notFrom: ['src/fleet', 'src/balancer'],
    never: ['src/fleet/fleet.ts', 'src/fleet/id.ts'],
    typesOf: ['src/fleet/fleet.ts'],
    why: 'one place makes the servers of a pool from its options (balancer/fleets.ts)',
  },
  {
    from: ['src/health'],
    only: [
      ...base,
      'src/config/options.ts',
      'src/fleet',
      'src/http/pieces.ts',
      'src/http/writer.ts',
      'src/http/h2',
      'src/net/socket.ts',
      'src/net/tls.ts',
      'src/net/shortage.ts',
    ],
    why: 'a health check sees servers, not the requests of clients',
  },
  {
    from: ['src/proxy', 'src/ownership'],
    never: ['src/affinity', 'src/balance', 'src/store', 'src/health'],
    except: ['src/affinity/affinity.ts', 'src/balance/policy.ts', 'src/store/store.ts'],
    why: 'the proxy is handed functions: contracts, and no single policy, affinity, store or health check',
  },
  {
    from: ['src/ownership'],
    never: ['src/proxy', 'src/net'],
    why: 'who owns a session is asked by the proxy, the store interface and the workers: it knows no connection',
  },
  { from: ['src/failover/verdict.ts'], only: ['src/errors.ts'], why: 'the verdict is a pure function' },
  {
    from: ['src/session'],
    only: ['src/http/cookie.ts', 'src/affinity/token.ts', 'src/store', 'src/secrets', 'src/errors.ts', 'src/time'],
    why: 'the session library runs inside the app: of the balancer it shares cookie, token, store and secret',
  },
  {
    from: ['src'],
    notFrom: ['src/config', 'src/admin', 'src/import', ...composition],
    never: ['src/config', 'src/admin', ...composition],
    // A descriptor says what its options are with kinds of values that it is handed.
    typesOf: ['src/config/options.ts', 'src/config/field-kinds.ts'],
    why: 'features are handed their options; only the composition root knows where these come from',
  },
  {
    from: ['src/config', 'src/admin', 'src/import'],
    never: composition,
    why: 'the composition root and the command line know everyone, and nobody knows them',
  },
  ...importers.map((importer): Arrow => {
    return {
      from: [importer],
      never: importers.filter((other) => other !== importer),
      // Traefik has objects in Kubernetes too.
      except: importer === 'src/import/traefik' ? ['src/import/kubernetes'] : [],
      why: `${importer} reads one program's config, and needs no importer of another one`,
    };
  }),
  {
    from: ['src/explain'],
    never: ['src/balance', 'src/failover', 'src/health', 'src/table', ...runtimeSockets, 'src/cli'],
    // What a policy goes by is asked of its descriptor.
    except: ['src/balance/registry.ts'],
    neverUse: ['Date.now', 'Math.random'],
    why: 'explain asks the real balancer: it decides nothing by itself and opens no socket',
  },
  {
    from: ['src'],
    never: ['sim', 'bench', 'test', 'examples', 'scripts', 'dashboard'],
    why: 'what is shipped needs nothing of what is around it',
  },
  {
    from: ['src'],
    notFrom: ['src/net', ...composition],
    never: runtimeSockets,
    why: 'sockets are handed in; the composition root picks the runtime',
  },
  {
    from: ['src'],
    notFrom: bunSockets,
    never: ['bun'],
    neverUse: ['Bun'],
    why: "one place knows Bun's sockets, so that all else runs on both runtimes",
  },
  {
    from: ['src'],
    notFrom: [...runtimeSockets, 'src/net/client-contexts.ts'],
    never: ['node:net', 'node:tls'],
    why: "two places know the runtimes' sockets, so that all else runs on both (isIP and BlockList: import them by name)",
  },
  {
    from: ['src'],
    notFrom: ['src/time', 'src/net', 'src/config', ...composition],
    neverUse: ['Date.now', 'performance.now', 'setTimeout', 'setInterval', 'Math.random'],
    why: 'time and randomness are handed in, so that tests and the simulator run the real code',
  },
  {
    from: ['src'],
    notFrom: ['src/config', ...adminApp],
    never: ['zod', 'hono', '@hono/zod-openapi'],
    typesOf: ['zod', 'hono', '@hono/zod-openapi'],
    why: 'zod costs each thread that loads it 15 MB: workers and the session library run without it',
  },
  {
    from: ['src'],
    notFrom: adminApp,
    never: adminApp,
    // admin.ts loads app.ts late, and the composition root knows what it answers.
    except: ['src/admin/app.ts'],
    typesOf: adminApp,
    why: 'the admin API is loaded by the first request to it: a start does without',
  },
];

/** Functions of node:net that open nothing: anybody may ask whether a text is an address. */
const pureOfNet = ['isIP', 'isIPv4', 'isIPv6', 'BlockList', 'SocketAddress'];

function within(place: Place, places: readonly Place[]): boolean {
  return places.some((one) => place === one || place.startsWith(`${one}/`) || place.startsWith(`${one}:`));
}

/** Every forbidden arrow in these files, one sentence each. */
export function findForbidden(files: readonly SourceFile[], rules: readonly Arrow[] = arrows): string[] {
  const found: string[] = [];
  for (const file of files) {
    for (const rule of rules) {
      if (!within(file.path, rule.from) || within(file.path, rule.notFrom ?? [])) continue;
      for (const one of file.imports) {
        if (isForbidden(rule, one)) found.push(`${file.path} imports ${one.target}, but ${rule.why}`);
      }
      for (const name of rule.neverUse ?? []) {
        if (file.uses.has(name)) found.push(`${file.path} uses ${name}, but ${rule.why}`);
      }
    }
  }
  return found;
}

function isForbidden(rule: Arrow, { target, typeOnly, names }: Import): boolean {
  if (rule.only !== undefined) return target.startsWith('src/') && !within(target, [...rule.from, ...rule.only]);
  if (!within(target, rule.never ?? []) || within(target, rule.except ?? [])) return false;
  if (typeOnly && within(target, rule.typesOf ?? [])) return false;
  return !(target === 'node:net' && names.length > 0 && names.every((name) => pureOfNet.includes(name)));
}
