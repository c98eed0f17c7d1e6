/** Routers of Traefik as routes, ordered by priority. The default priority is the length of the rule. */

import type { ConfigBuilder, Pool } from '../config-builder.ts';
import { parseWhole } from '../values.ts';
import type { Part } from '../yaml/part.ts';
import type { EntryPointRefs, EntryPoints } from './entry-points.ts';
import { isTemplate, type Named } from './fields.ts';
import type { Middlewares } from './middlewares.ts';
import { type Match, readRule } from './rule.ts';

export interface Router extends EntryPointRefs {
  /** The labels of several containers may define one router. */
  readonly name: string;
  /** The whole router. */
  readonly part: Part;
  readonly rule: Part | null;
  readonly priority: Part | null;
  readonly middlewares: readonly Named[];
  /** The name of its service. */
  readonly service: Part | null;
  /** Returns the reason as a string when the pool would have no server. */
  readonly pool: () => Pool | string;
}

interface ReadyRouter {
  readonly router: Router;
  readonly matches: readonly Match[];
  readonly priority: number;
  readonly pool: Pool;
}

export function addRouters(
  routers: readonly Router[],
  { builder, entryPoints, middlewares }: { builder: ConfigBuilder; entryPoints: EntryPoints; middlewares: Middlewares },
): void {
  const ready = routers.flatMap((router) => prepare(router) ?? []);
  // Routers without TLS open their listeners first, because the others use the same ones.
  const plainFirst = ready.toSorted(
    (a, b) => Number(entryPoints.isSecure(a.router)) - Number(entryPoints.isSecure(b.router)),
  );
  const listeners = new Map(plainFirst.map((one) => [one, entryPoints.listen(one.router, builder)]));
  const seen = new Map<string, ReadyRouter>();
  for (const one of ready.toSorted((a, b) => b.priority - a.priority)) {
    const { router, pool, matches } = one;
    const sameName = seen.get(router.name);
    if (sameName !== undefined) {
      if (sameName.pool === pool && sameName.router.rule?.text() === router.rule?.text()) carry(router);
      else router.part.leave('another container has a router of this name');
      for (const [index, { part }] of router.middlewares.entries()) {
        part.leaveItem(sameName.router.middlewares[index]?.part.why ?? 'it is told of the same router before');
      }
      continue;
    }
    seen.set(router.name, one);
    const added = matches.filter((match) => builder.add({ ...match, listeners: listeners.get(one) ?? [] }, pool));
    if (added.length === 0) {
      router.part.leave('a router before it takes the same requests');
      continue;
    }
    carry(router);
    const where = added.map(({ host, path }) => `${host === '' ? '*' : host}${path}`).join(', ');
    const all = [...entryPoints.middlewaresOf(router), ...router.middlewares];
    middlewares.apply(all, { where, fields: pool.fields });
  }
}

function carry({ part, rule, priority, service }: Router): void {
  part.carry();
  rule?.carry();
  service?.carry();
  priority?.carry();
}

function prepare(router: Router): ReadyRouter | null {
  const { part, rule } = router;
  const text = rule?.text() ?? '';
  const refuse = (why: string): null => {
    (rule ?? part).warn('not-working', why);
    part.leave('its router is not carried over');
    return null;
  };
  if (text === '') return refuse('it has no rule: the default one is made of names that are not in this file');
  if (isTemplate(text)) return refuse('its rule holds a variable: put the value in first');
  const found = readRule(text);
  if (typeof found === 'string') return refuse(found);
  if (found.matches.length === 0) return refuse(`its requests go nowhere: ${found.lost.join('; ')}`);
  const pool = router.pool();
  if (typeof pool === 'string') return refuse(`its requests go nowhere: ${pool}`);
  for (const change of found.changes) rule?.change(change);
  for (const lost of new Set(found.lost)) rule?.warn('not-working', `an alternative is left out: ${lost}`);
  const written = parseWhole(router.priority?.text() ?? null, 1, Number.MAX_SAFE_INTEGER);
  return { router, matches: found.matches, priority: written ?? text.length, pool };
}
