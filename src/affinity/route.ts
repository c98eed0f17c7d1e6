/**
 * Affinity by a fixed map from keys to servers, for test users and canaries. Nothing is stored, the client gets nothing from us, and
 * the key proves nothing: whoever sends it gets the server.
 */
import type { FieldKinds } from '../config/field-kinds.ts';
import type { RequestHead } from '../http/head.ts';
import type { Affinity, ClientFacts, Recognition } from './affinity.ts';
import type { AffinityDescriptor } from './descriptor.ts';
import { fixTo } from './fixed.ts';
import { hasKey, type KeyOptions, KeyScan, keyFields, keyOf, keyText } from './key.ts';

export interface RouteAffinityOptions {
  readonly type: 'route';
  readonly key: KeyOptions;
  /** `*` in a pattern stands for any text; `server` is a name of the pool. */
  readonly map: readonly { readonly pattern: string; readonly server: string }[];
}

const routeForm = 'a map with header, cookie or query (one of them), and map';

export const route = {
  type: 'route',
  meaning: 'A fixed map from keys to servers, for test users and canaries.',
  schema(kinds: FieldKinds) {
    const { map, z } = kinds;
    const servers = z
      .record(z.string().min(1, { error: 'a pattern' }), z.string({ error: 'the name of a server' }), {
        error: 'a map from keys to names of servers',
      })
      .meta({ description: 'Key to name of a server of the pool. `*` stands for any text; keys without it go first.' });
    return map({ ...keyFields(kinds), map: servers }, routeForm).transform(
      ({ map, ...fields }, context): RouteAffinityOptions => {
        const key = keyOf(fields);
        if (key !== null)
          return { type: 'route', key, map: Object.entries(map).map(([pattern, server]) => ({ pattern, server })) };
        context.issues.push({ code: 'custom', message: routeForm, input: fields });
        return z.NEVER;
      },
    );
  },
  check({ map }, report) {
    for (const { pattern, server } of map) {
      const flaw = report.serverFlaw(server);
      if (flaw !== null) report.error(['map', pattern], flaw);
    }
  },
  timesOf: () => null,
  tableNameOf: () => '',
  whyRecognised: ({ key }) => `${keyText(key)} is in the map`,
  whyNotRecognised: ({ key }, request) =>
    hasKey(key, request) ? `${keyText(key)} is not in the map` : `no ${keyText(key)}`,
  // `check` has refused a config with an unknown server.
  create: (options, { idOf }) => new RouteAffinity(options, (name) => idOf(name)!),
} satisfies AffinityDescriptor<RouteAffinityOptions>;

export class RouteAffinity implements Affinity {
  readonly name = 'route';
  private readonly keys: KeyScan;
  private readonly exact = new Map<string, number>();
  private readonly patterns: { readonly parts: readonly string[]; readonly owner: number }[] = [];

  /** `idOf`: id of a server of the pool. Keys without `*` are compared first, then the patterns in their order. */
  constructor({ key, map }: RouteAffinityOptions, idOf: (server: string) => number) {
    this.keys = new KeyScan(key);
    for (const { pattern, server } of map) {
      if (pattern.includes('*')) this.patterns.push({ parts: pattern.split('*'), owner: idOf(server) });
      else this.exact.set(pattern, idOf(server));
    }
  }

  recognise(request: RequestHead, _client: ClientFacts, now: number, recognition: Recognition): boolean {
    const { keys } = this;
    keys.begin(request);
    for (let key = keys.next(); key !== null; key = keys.next()) {
      const owner = this.ownerOf(key);
      if (owner === undefined) continue;
      fixTo(owner, this, now, recognition);
      return true;
    }
    return false;
  }

  private ownerOf(key: string): number | undefined {
    return this.exact.get(key) ?? this.patterns.find(({ parts }) => matches(parts, key))?.owner;
  }
}

/** `parts`: the texts between the stars of a pattern, at least two. Each is taken where it first fits, without backtracking. */
function matches(parts: readonly string[], text: string): boolean {
  const first = parts[0]!;
  const last = parts.at(-1)!;
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
  const end = text.length - last.length;
  let p = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, p);
    if (found < 0 || found + part.length > end) return false;
    p = found + part.length;
  }
  return true;
}
