/** The target of a `proxy_pass`, and the directives on which it depends. */

import { commonReasons } from '../common-reasons.ts';
import type { Directive } from '../directive.ts';
import { isTemplate, templated } from '../template.ts';

/** The path is '' if there is none. */
export type Target = { readonly host: string; readonly path: string } | { readonly why: string };

/** `http://host:port/path`. `values`: the values of variables. */
export function targetOf({ args: [url = ''] }: Directive, values: ReadonlyMap<string, string>): Target {
  const filled =
    values.get(url) ?? url.replace(/\$\{?\w+\}?/g, (variable) => values.get(variable.replace(/[{}]/g, '')) ?? variable);
  if (isTemplate(filled)) return { why: templated(filled) };
  if (filled.includes('$')) return { why: `the server of ${filled} is known only when a request comes` };
  if (/^https:/i.test(filled)) return { why: commonReasons.noTlsToServers };
  const [, unix, unixPath = ''] = /^http:\/\/(unix:[^:]+)(?::(.*))?$/is.exec(filled) ?? [];
  if (unix !== undefined) return { host: unix, path: unixPath };
  const [, host = '', path = ''] = /^http:\/\/([^/]*)(.*)$/is.exec(filled) ?? [];
  return host === '' ? { why: `${filled} is no http:// address` } : { host, path };
}

/** Each `proxy_pass` in the directive, itself included. */
export function everyPass(directive: Directive): Directive[] {
  return directive.name === 'proxy_pass' ? [directive] : (directive.block ?? []).flatMap(everyPass);
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
  const pass = location?.block?.find(({ name }) => name === 'proxy_pass');
  return location === undefined || pass === undefined ? null : { location, pass };
}
