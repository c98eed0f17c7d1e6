/**
 * Affinity by a fixed map: test users and canaries go to the server that a person chose for them. Nothing is stored,
 * nothing is told to the client, and nothing is proved: whoever writes the key gets the server.
 */
import type { RouteAffinityOptions } from '../config/options.ts';
import type { RequestHead } from '../http/head.ts';
import type { Affinity, ClientFacts, Session } from './affinity.ts';
import { fixTo } from './fixed.ts';
import { KeyScan } from './key.ts';

export class RouteAffinity implements Affinity {
  readonly name = 'route';
  private readonly keys: KeyScan;
  private readonly exact = new Map<string, number>();
  private readonly patterns: { readonly parts: readonly string[]; readonly owner: number }[] = [];

  /** `idOf` answers the id of a server of the pool. Keys without `*` are asked first, then patterns as written. */
  constructor({ key, map }: RouteAffinityOptions, idOf: (server: string) => number) {
    this.keys = new KeyScan(key);
    for (const { pattern, server } of map) {
      if (pattern.includes('*')) this.patterns.push({ parts: pattern.split('*'), owner: idOf(server) });
      else this.exact.set(pattern, idOf(server));
    }
  }

  recognise(request: RequestHead, _client: ClientFacts, now: number, session: Session): boolean {
    const { keys } = this;
    keys.begin(request);
    for (let key = keys.next(); key !== null; key = keys.next()) {
      const owner = this.ownerOf(key);
      if (owner === undefined) continue;
      fixTo(owner, this, now, session);
      return true;
    }
    return false;
  }

  private ownerOf(key: string): number | undefined {
    return this.exact.get(key) ?? this.patterns.find(({ parts }) => matches(parts, key))?.owner;
  }
}

/** `parts` stand between the stars of a pattern, at least two. Each is taken where it first fits: no backtracking. */
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
