/** Warns about annotations and objects that are not carried over, although access, routing or stickiness depends on them. */

import type { Concern } from '../imported.ts';
import type { Part } from '../yaml/part.ts';
import { prefix } from './ingress-affinity.ts';
import type { KubernetesObject } from './objects.ts';

type Warning = readonly [concern: Concern, why: string];

const refusing: Warning = ['open', 'nobody is refused here, so that any client gets through: do it before or behind'];
const rewriting: Warning = ['not-working', 'the server gets path and Host as the client asked for them'];
const redirecting: Warning = [
  'not-working',
  'redirects are not carried over, and the request reaches a server instead',
];

/** Annotations of ingress-nginx, by a pattern of their names. */
const annotations: readonly (readonly [RegExp, Warning])[] = [
  [/^(?:whitelist|allowlist|denylist)-source-range$/, refusing],
  [/^auth-(?:type|url|tls-secret|tls-verify-client)$/, refusing],
  [/^(?:enable-modsecurity|enable-owasp|satisfy|limit-(?:rps|rpm|connections|whitelist))/, refusing],
  [/^(?:rewrite-target|upstream-vhost|app-root)$/, rewriting],
  [/^(?:permanent-redirect|temporal-redirect|from-to-www-redirect|force-ssl-redirect)$/, redirecting],
  [/^server-alias$/, ['not-working', 'requests for these hosts get no route: add one for each']],
  [
    /^(?:ssl-passthrough|proxy-ssl-secret)$/,
    ['not-working', 'the TLS of these is not carried over: write tls for the listener or the pool'],
  ],
  [
    /^(?:server|configuration|stream)-snippet$/,
    ['not-working', 'nginx directives mean nothing here: see what these do'],
  ],
];

/** `object`: an Ingress that is carried over. */
export function warnAboutAnnotations({ part }: KubernetesObject): void {
  for (const [key, one] of part.at('metadata', 'annotations')?.entries() ?? []) {
    const text = one.text() ?? '';
    const name = key.startsWith(prefix) ? key.slice(prefix.length) : null;
    if (name === null || text === 'false') continue;
    const protocol = text.toUpperCase();
    if (name === 'backend-protocol' && !['HTTP', 'AUTO_HTTP', ''].includes(protocol))
      one.warn(
        'not-working',
        `servers are asked by HTTP/1.1 in the clear, and these speak ${protocol}: write tls and protocol for the pool`,
      );
    if (/-snippet$/.test(name) && /\b(?:deny|auth_|return\s+4|limit_)/.test(text)) one.warn(...refusing);
    const noteOn = annotations.find(([pattern]) => pattern.test(name))?.[1];
    if (noteOn !== undefined) one.warn(...noteOn);
  }
}

/** Annotations of other controllers about stickiness, on an Ingress, a Gateway or a Service. */
const stickyAnnotations =
  /^(?:traefik\.(?:ingress\.kubernetes\.io|frontend)\/.*(?:sticky|affinity)|haproxy\.org\/cookie-persistence|haproxy-ingress\.github\.io\/affinity|ingress\.kubernetes\.io\/(?:affinity|sticky)|nginx\.(?:org|com)\/sticky|appgw\.ingress\.kubernetes\.io\/cookie-based-affinity|alb\.ingress\.kubernetes\.io\/target-group-attributes|service\.beta\.kubernetes\.io\/.*(?:sticky|target-group-attributes)|getambassador\.io\/|konghq\.com\/.*hash|voyager\.appscode\.com\/.*sticky)/;

const accessAnnotations =
  /(?:whitelist|allowlist|denylist|blacklist|deny-list|allow-list|auth-type|auth-url|auth-secret|auth-tls|basic-auth|oauth|inbound-cidrs|router\.middlewares)/;

const stickyKinds =
  /^(?:DestinationRule|BackendTrafficPolicy|X?BackendLBPolicy|XBackendTrafficPolicy|HTTPProxy|BackendConfig|GCPBackendPolicy|TraefikService|VirtualServer|VirtualServerRoute|UpstreamPolicy|KongUpstreamPolicy|TCPIngress|Mapping|BackendConfigPolicy|TargetGroupPolicy)$/;
const stickyKeys =
  /^(?:consistentHash|sticky|sessionAffinity|sessionCookie|affinity|loadBalancerPolicy|hashOn|affinityCookieTtlSec|generatedCookie)$/;

const accessKinds =
  /^(?:AuthorizationPolicy|RequestAuthentication|SecurityPolicy|AuthPolicy|RateLimitPolicy|Middleware)$/;

export function warnAboutOtherControllers(objects: readonly KubernetesObject[]): void {
  for (const { kind, part } of objects) {
    for (const [key, one] of part.at('metadata', 'annotations')?.entries() ?? []) {
      if (key.startsWith(prefix)) continue;
      const off =
        /^(?:false|none|off|)$/i.test(one.text() ?? '') ||
        (/attributes$/.test(key) && !/stickiness/.test(one.text() ?? ''));
      if (stickyAnnotations.test(key) && !off)
        one.warn('not-sticky', 'the stickiness that it asks another controller for is not carried over');
      else if (accessAnnotations.test(key) && /^(?:Ingress|HTTPRoute|Gateway)$/.test(kind) && !off)
        one.warn(...refusing);
    }
    if (accessKinds.test(kind))
      part.get('kind')?.warn('open', `what a ${kind} refuses is let through here: do it before or behind`);
    const found = stickyKinds.test(kind) ? stickyPart(part, 0) : null;
    // `sessionPersistence` of a policy is read with its rule.
    if (found !== null) found.warn('not-sticky', `its stickiness (${describe(found)}) is not carried over`);
  }
}

function stickyPart(part: Part, depth: number): Part | null {
  if (depth > 12) return null;
  for (const [key, one] of part.entries()) {
    if (stickyKeys.test(key) && one.text() !== 'NONE') return one;
    const below = stickyPart(one, depth + 1);
    if (below !== null) return below;
  }
  for (const one of part.items()) {
    const below = stickyPart(one, depth + 1);
    if (below !== null) return below;
  }
  return null;
}

/** Such as `ConsistentHash, Cookie C`. */
function describe(part: Part): string {
  const own = part.text();
  if (own !== null) return own.slice(0, 60);
  const type = part.up(1)?.textAt('type') ?? null;
  const words: string[] = type === null ? [] : [type];
  const kind = part.textAt('type') ?? part.textAt('strategy') ?? part.entries()[0]?.[0] ?? '';
  const cookie = part.get('cookie') ?? part.get('httpCookie') ?? part.get('generatedCookie');
  const name = cookie?.textAt('name') ?? part.textAt('name') ?? part.textAt('httpHeaderName') ?? '';
  words.push([kind, name].filter((one) => one !== '').join(' '));
  return words.join(', ');
}
