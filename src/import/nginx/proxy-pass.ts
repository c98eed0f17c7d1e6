/** The target of a `proxy_pass`, and the directives on which it depends. */

import type { Directive } from '../directive.ts';
import { isTemplate, templated } from '../template.ts';

/** The path is '' if there is none. */
export type Target =
  | { readonly host: string; readonly path: string; readonly secure: boolean; readonly h2: boolean }
  | { readonly why: string };

export const isPass = ({ name }: Directive): boolean => name === 'proxy_pass' || name === 'grpc_pass';

/** `http://host:port/path`, `https://`, `grpc://` or `grpcs://`. `values`: the values of variables. */
export function targetOf({ name, args: [url = ''] }: Directive, values: ReadonlyMap<string, string>): Target {
  const filled =
    values.get(url) ?? url.replace(/\$\{?\w+\}?/g, (variable) => values.get(variable.replace(/[{}]/g, '')) ?? variable);
  if (isTemplate(filled)) return { why: templated(filled) };
  if (filled.includes('$')) return { why: `the server of ${filled} is known only when a request comes` };
  const h2 = name === 'grpc_pass';
  // Without a scheme `grpc_pass` is in the clear.
  const whole = h2 && !filled.includes('://') ? `grpc://${filled}` : filled;
  const [, scheme = '', rest = ''] = /^(https?|grpcs?):\/\/(.*)$/is.exec(whole) ?? [];
  const secure = /s$/i.test(scheme);
  if (/^grpc/i.test(scheme) !== h2) return { why: `${filled} is no ${h2 ? 'grpc' : 'http'}:// address` };
  const [, unix, unixPath = ''] = /^(unix:[^:]+)(?::(.*))?$/is.exec(rest) ?? [];
  if (unix !== undefined) return { host: unix, path: unixPath, secure, h2 };
  const [, host = '', path = ''] = /^([^/]*)(.*)$/is.exec(rest) ?? [];
  return host === '' ? { why: `${filled} is no http:// address` } : { host, path, secure, h2 };
}

/** Each `proxy_pass` and `grpc_pass` in the directive, itself included. */
export function everyPass(directive: Directive): Directive[] {
  return isPass(directive) ? [directive] : (directive.block ?? []).flatMap(everyPass);
}

/** `proxy_set_header Host` is in force. One `proxy_set_header` replaces all those of outer blocks. */
export function setsHost(inner: readonly Directive[], outer: boolean): boolean {
  const own = inner.filter(({ name }) => name === 'proxy_set_header');
  return own.length === 0 ? outer : own.some(({ args }) => args[0]?.toLowerCase() === 'host');
}

/** `set $name text` whose text holds no other variable. */
export function valuesOf(
  directives: readonly Directive[],
  outer: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const found = new Map(outer);
  for (const { name, args } of directives) {
    const [variable = '', value = ''] = args;
    if (name === 'set' && !value.includes('$')) found.set(variable, value);
  }
  return found;
}

/** `try_files $uri @app`: the server that gets requests for which there is no file. */
export function fallbackOf(inner: readonly Directive[], fallbacks: ReadonlyMap<string, Directive>) {
  const tried = inner.find(({ name }) => name === 'try_files');
  const location = fallbacks.get(tried?.args.at(-1) ?? '');
  const pass = location?.block?.find(isPass);
  return location === undefined || pass === undefined ? null : { location, pass };
}
