/**
 * The arrows that never exist between the folders of `src`, and the reader that finds them. What a folder
 * may not import is the architecture: it keeps a policy free of requests and a parser free of sockets.
 * Type imports count as well, except where a rule allows them by name.
 */
import { dirname, join } from 'node:path/posix';
import { parseAst } from 'vitest/node';

/** A path from the root of the repository (a file, or a folder with all below it), or a bare module name. */
type Place = string;

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
const composition = [
  'src/limpet.ts',
  'src/pools.ts',
  'src/front.ts',
  'src/shared',
  'src/workers',
  'src/index.ts',
  'src/cli',
  'src/explain',
];

export const arrows: readonly Arrow[] = [
  { from: ['src/errors.ts'], only: [], why: 'everyone imports the registry of faults' },
  { from: ['src/ip.ts'], only: [], why: 'sockets, headers and config mean the same by an address' },
  { from: ['src/time'], only: ['src/errors.ts'], why: 'a clock knows nobody who looks at it' },
  { from: ['src/metrics/counters.ts'], only: ['src/errors.ts'], why: 'a counter knows nobody who counts' },
  { from: ['src/secrets'], only: ['src/errors.ts'], why: 'a file of ours is the same for balancer, store and library' },
  { from: ['src/http'], only: base, why: 'bytes in, values out: no sockets, no features' },
  { from: ['src/net'], only: base, why: 'a socket does not know what is said over it' },
  {
    from: ['src/discovery'],
    only: [...base, 'src/config/options.ts', 'src/net/socket.ts', 'src/net/shortage.ts'],
    why: 'addresses of names are found without knowing who connects to them, or what for',
  },
  {
    from: ['src/balance'],
    never: ['src/http', 'src/affinity', 'src/table', 'src/health', 'src/proxy', 'src/failover', 'src/store'],
    why: 'a policy never sees a request: it gets servers and a key',
  },
  {
    from: ['src/affinity'],
    never: ['src/balance', 'src/fleet', 'src/proxy', 'src/net', 'src/health', 'src/failover', 'src/table'],
    why: 'an affinity says who the client is and never chooses a server',
  },
  { from: ['src/table'], only: base, why: 'the table knows its own record: server numbers, not servers' },
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
    typesOf: ['src/config/options.ts'],
    why: 'features are handed their options; only the composition root knows where these come from',
  },
  {
    from: ['src/config', 'src/admin', 'src/import'],
    never: composition,
    why: 'the composition root and the command line know everyone, and nobody knows them',
  },
  {
    from: ['src/explain'],
    never: ['src/balance', 'src/failover', 'src/health', 'src/table', 'src/net/bun.ts', 'src/net/node.ts', 'src/cli'],
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
    never: ['src/net/bun.ts', 'src/net/node.ts'],
    why: 'sockets are handed in; the composition root picks the runtime',
  },
  {
    from: ['src'],
    notFrom: ['src/net/bun.ts'],
    never: ['bun'],
    neverUse: ['Bun'],
    why: "one file knows Bun's sockets, so that all else runs on both runtimes",
  },
  {
    from: ['src'],
    notFrom: ['src/net/node.ts', 'src/net/bun.ts'],
    never: ['node:net', 'node:tls'],
    why: "two files know the runtimes' sockets, so that all else runs on both (isIP and BlockList: import them by name)",
  },
  {
    from: ['src'],
    notFrom: ['src/time', 'src/net', 'src/config', ...composition],
    neverUse: ['Date.now', 'performance.now', 'setTimeout', 'setInterval', 'Math.random'],
    why: 'time and randomness are handed in, so that tests and the simulator run the real code',
  },
];

/** Leaf contracts that count as a place of their own when cycles between folders are looked for. */
const contracts = ['src/config/options.ts'];

/** Functions of node:net that open nothing: anybody may ask whether a text is an address. */
const pureOfNet = ['isIP', 'isIPv4', 'isIPv6', 'BlockList', 'SocketAddress'];

export interface Import {
  readonly target: Place;
  readonly typeOnly: boolean;
  /** Names taken; empty for all of it (`import * as`, `export *`, `import()`). */
  readonly names: readonly string[];
}

export interface SourceFile {
  readonly path: Place;
  readonly imports: readonly Import[];
  /** Every name used as a value, members as `Object.member`. */
  readonly uses: ReadonlySet<string>;
}

/** A node of the syntax tree, of which this reader knows only what it asks for. */
type Node = { readonly type: string } & Readonly<Record<string, unknown>>;

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

/** The name of an identifier, else the text of a literal. */
function text(value: unknown): string | undefined {
  if (!isNode(value)) return undefined;
  const found = value.type === 'Identifier' ? value.name : value.type === 'Literal' ? value.value : undefined;
  return typeof found === 'string' ? found : undefined;
}

export function readSource(path: Place, source: string): SourceFile {
  const imports: Import[] = [];
  const uses = new Set<string>();

  const add = (node: Node, from: unknown, typeOnly: boolean) => {
    const specifier = text(from);
    if (specifier === undefined) return;
    const taken = Array.isArray(node.specifiers) ? node.specifiers : [];
    const names = taken.map((one) => (isNode(one) ? text(one.imported ?? one.local) : undefined) ?? '*');
    imports.push({ target: resolveFrom(path, specifier), typeOnly, names });
  };

  const visit = (node: Node) => {
    switch (node.type) {
      case 'ImportDeclaration':
        add(node, node.source, node.importKind === 'type');
        return;
      case 'ExportNamedDeclaration':
      case 'ExportAllDeclaration':
        add(node, node.source, node.exportKind === 'type');
        break;
      case 'ImportExpression':
        add(node, node.source, false);
        break;
      case 'TSImportType':
        add(node, node.source, true);
        break;
      case 'NewExpression':
        // new Worker(new URL('./worker.ts', import.meta.url)) is an arrow too.
        if (text(node.callee) === 'URL' && Array.isArray(node.arguments) && node.arguments.length === 2) {
          add(node, node.arguments[0], false);
        }
        break;
      case 'MemberExpression':
        uses.add(`${text(node.object)}.${text(node.property)}`);
        break;
      case 'Identifier':
        if (typeof node.name === 'string') uses.add(node.name);
        break;
    }
    for (const [key, value] of Object.entries(node)) {
      // `wheel.setTimeout` and `{ Bun: 1 }` name a member, not the global.
      if ((key === 'property' || key === 'key') && node.computed === false && text(value) !== undefined) continue;
      for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) visit(child);
    }
  };

  for (const node of parseAst(source, { lang: 'ts' }).body) if (isNode(node)) visit(node);
  return { path, imports, uses };
}

function resolveFrom(path: Place, specifier: string): Place {
  return specifier.startsWith('.') ? join(dirname(path), specifier) : specifier;
}

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

/** Import cycles between folders, each as the chain of files that makes it; type imports count. */
export function findCycles(files: readonly SourceFile[]): string[] {
  const edges = new Map<Place, Map<Place, string>>();
  for (const { path, imports } of files) {
    for (const { target } of imports) {
      const [from, to] = [folderOf(path), folderOf(target)];
      if (!target.startsWith('src/') || from === to) continue;
      const outgoing = edges.get(from) ?? new Map<Place, string>();
      edges.set(from, outgoing);
      if (!outgoing.has(to)) outgoing.set(to, `${path} -> ${target}`);
    }
  }

  const cycles: string[] = [];
  const done = new Set<Place>();
  const walk = (folder: Place, trail: readonly Place[], links: readonly string[]) => {
    const start = trail.indexOf(folder);
    if (start >= 0) {
      cycles.push(`${[...trail.slice(start), folder].join(' -> ')}: ${links.slice(start).join(', ')}`);
      return;
    }
    if (done.has(folder)) return;
    for (const [to, link] of edges.get(folder) ?? []) walk(to, [...trail, folder], [...links, link]);
    done.add(folder);
  };
  for (const folder of edges.keys()) walk(folder, [], []);
  return cycles;
}

/** The folder right below src; a file there, or a contract, stands for itself. */
function folderOf(path: Place): Place {
  return contracts.includes(path) ? path : path.split('/').slice(0, 2).join('/');
}
