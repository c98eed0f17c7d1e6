/** Matchers of Caddy as matches of routes: paths, and named matchers with path, host and method. */

import { commonReasons } from '../common-reasons.ts';
import type { Directive } from '../directive.ts';
import { type Alternatives, anyRequest, intersectAll } from '../request-match.ts';
import { hostPattern, routePath } from '../values.ts';

/** `@name path /a /b`, or a block of conditions that must all be met. */
export function readNamed({ args, block }: Directive): Alternatives {
  const conditions = [...(args.length === 0 ? [] : [{ name: args[0] ?? '', args: args.slice(1) }]), ...(block ?? [])];
  // Several lines of one kind are alternatives, like the values of one line.
  const kinds = new Map<string, string[]>();
  for (const { name, args: values } of conditions) kinds.set(name, [...(kinds.get(name) ?? []), ...values]);
  let found: Alternatives = [anyRequest];
  for (const [name, values] of kinds) found = intersectAll(found, readCondition(name, values));
  return found;
}

function readCondition(name: string, values: readonly string[]): Alternatives {
  const unsupported = `no route can look at ${[name, ...values].join(' ').slice(0, 100)}`;
  if (name === 'path') return values.length === 0 ? unsupported : any(values.map(readPath));
  if (name === 'method') {
    const methods = values.map((one) => one.toUpperCase());
    return methods.length > 0 && methods.every((one) => /^[A-Z-]{1,32}$/.test(one))
      ? [{ ...anyRequest, methods }]
      : unsupported;
  }
  if (name !== 'host' || values.length === 0) return unsupported;
  return any(
    values.map((one) => (hostPattern(one) === null ? unsupported : [{ ...anyRequest, host: one.toLowerCase() }])),
  );
}

function any(found: readonly Alternatives[]): Alternatives {
  const lost = found.find((one) => typeof one === 'string');
  return lost ?? found.flatMap((one) => (typeof one === 'string' ? [] : one));
}

/** `/a` is one path, `/a*` and `/a/*` are prefixes, `*.css` is an extension. */
export function readPath(text: string): Alternatives {
  const unsupported = `no route can say the path ${text}`;
  const [, extension] = /^(?:\/?\*)?\*?\.([\w-]{1,32})$/.exec(text) ?? [];
  if (extension !== undefined) return [{ ...anyRequest, extensions: [extension.toLowerCase()] }];
  if (text === '*' || text === '/*') return [anyRequest];
  const path = routePath(text.replace(/\*$/, ''));
  if (path === null || path.includes('*') || /[{}]/.test(path)) return unsupported;
  const exact = !text.endsWith('*');
  return exact && path === '/' ? commonReasons.rootAlone : [{ ...anyRequest, path, exact }];
}
