/** `sessionPersistence` of the Gateway API (GEP-1619), old and new form, in a rule or in a policy for a Service. */

import { commonReasons } from '../common-reasons.ts';
import { isCookiePath, isToken } from '../values.ts';
import type { Part } from '../yaml/part.ts';
import type { KubernetesObject } from './objects.ts';
import { carryHead } from './objects.ts';
import type { Pool, PoolCookie } from './pool.ts';
import { ageOf, lengthOf } from './values.ts';

export type Persistence = Pick<Pool, 'affinity' | 'cookie'>;

/** The timeouts of sessions, which are GEP-2257 durations. */
interface Ages {
  readonly idle: string;
  readonly absolute?: string;
}

export function persistenceOf(part: Part): Persistence | null {
  part.leave(commonReasons.nothingLikeIt);
  const header = part.get('header');
  const type = part.get('type');
  if (type?.text() === 'Header' || (type === null && header !== null)) return headerOf(part, header, type);
  if (type !== null && type.text() !== 'Cookie') {
    type.leave('expected Cookie or Header');
    return null;
  }
  type?.carry();
  part.carry();
  return { affinity: [], cookie: cookieOf(part) };
}

function cookieOf(part: Part): PoolCookie {
  const cookie = part.get('cookie');
  const fields: PoolCookie['fields'] = {};
  const name = part.get('sessionName') ?? cookie?.get('name') ?? null;
  if (isToken(name?.text() ?? '')) fields.name = name?.carry().text() ?? '';
  else name?.leave('it is no name of a cookie');
  const path = cookie?.get('path') ?? null;
  const bare = /^__Host-/i.test(fields.name ?? '');
  if (!isCookiePath(path?.text() ?? '') || (bare && path?.text() !== '/'))
    path?.leave('it is no path of such a cookie');
  else if (path?.carry().text() !== '/') fields.path = path?.text() ?? '/';
  const ages = agesOf(part);
  const lifetime = part.at('cookieConfig', 'lifetimeType') ?? cookie?.get('lifetimeType') ?? null;
  if (lifetime?.text() === 'Permanent' && ages.absolute !== undefined) {
    fields.lifetime = 'permanent';
    lifetime.carry();
  } else if (lifetime?.text() === 'Session') lifetime.carry();
  else
    lifetime?.leave(
      'Permanent needs an absoluteTimeout, there too: the cookie lasts as long as the browser stays open',
    );
  Object.assign(fields, ages);
  cookie?.carry();
  return { fields, followsPath: false, part: name ?? part };
}

function headerOf(part: Part, header: Part | null, type: Part | null): Persistence | null {
  const name = part.get('sessionName') ?? header?.get('name') ?? null;
  const text = name?.text() ?? '';
  if (name === null || !isToken(text)) {
    (name ?? part).leave('NOT STICKY: a session kept by a header needs the name of that header');
    return null;
  }
  name.change('the name of the session comes from the client or the app here: no balancer mints one');
  type?.carry();
  return { affinity: [{ header: { name: text, ...agesOf(part) } }], cookie: null };
}

function agesOf(part: Part): Ages {
  const age = (key: string) => {
    const written = part.get(key);
    const found = ageOf(written?.text() ?? null);
    // The session table counts seconds.
    const kept = found !== null && !/^[0-9]+ms$/.test(found) ? found : null;
    if (kept !== null) written?.carry();
    else written?.leave('expected a time from 1s up, such as 30m or 1h30m');
    return kept;
  };
  const [absolute, idle] = [age('absoluteTimeout'), age('idleTimeout')];
  // An idle timeout longer than the absolute one never applies.
  const longer = idle !== null && absolute !== null && lengthOf(idle) > lengthOf(absolute);
  if (longer) part.get('idleTimeout')?.change('no session lives so long: absoluteTimeout ends it before');
  return { idle: idle === null || longer ? 'off' : idle, ...(absolute === null ? {} : { absolute }) };
}

/** The persistence of the first policy for this Service. A policy for two rules is read twice, with the same result. */
export function policyOf(objects: readonly KubernetesObject[], namespace: string, service: string): Persistence | null {
  for (const object of objects) {
    if (!/^X?Backend(?:LB|Traffic)Policy$/.test(object.kind) || object.namespace !== namespace) continue;
    const spec = object.part.get('spec');
    const targets = [spec?.get('targetRef') ?? null, ...(spec?.get('targetRefs')?.items() ?? [])];
    const target = targets.find(
      (one) => one?.textAt('name') === service && (one.textAt('kind') ?? 'Service') === 'Service',
    );
    const written = spec?.get('sessionPersistence') ?? null;
    const found = target && written !== null ? persistenceOf(written) : null;
    if (found === null) continue;
    carryHead(object);
    object.part.leave('of such a policy only sessionPersistence is taken over');
    for (const key of ['group', 'kind', 'name']) target?.carryAt(key);
    return found;
  }
  return null;
}
