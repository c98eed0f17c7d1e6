/**
 * What differs between two configs, a line for each field, by its path: for people, before they reload.
 *
 *      + pools.shop.servers.s3: 10.0.0.3:3000
 *      - pools.shop.servers.s1: 10.0.0.1:3000
 *      ~ pools.shop.servers.s2.weight: 1 -> 2
 *      ~ keys: another secret
 */
import { effectiveConfig, isHidden, type Json } from './effective.ts';
import type { LimpetOptions } from './options.ts';

/** Empty when both mean the same. Secrets are compared, and never shown. */
export function diffOptions(before: LimpetOptions, after: LimpetOptions): string[] {
  const lines: string[] = [];
  compare('', named(effectiveConfig(before, true)), named(effectiveConfig(after, true)), lines);
  return lines;
}

function compare(path: string, before: Json | undefined, after: Json | undefined, lines: string[]): void {
  if (before === undefined || after === undefined) {
    if (after !== undefined) lines.push(`+ ${path}: ${show(after)}`);
    else if (before !== undefined) lines.push(`- ${path}: ${show(before)}`);
    return;
  }
  if (isMap(before) && isMap(after)) {
    for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
      compare(path === '' ? name : `${path}.${name}`, before[name], after[name], lines);
    }
    return;
  }
  if (JSON.stringify(before) === JSON.stringify(after)) return;
  if (isHidden(before) || isHidden(after)) {
    const kind = isHidden(before) ? (isHidden(after) ? 'another secret' : 'no secret any more') : 'a secret';
    lines.push(`~ ${path}: ${kind}`);
  } else lines.push(`~ ${path}: ${show(before)} -> ${show(after)}`);
}

/** Lists whose items have a name become maps by it: an item that has only moved is no difference in the others. */
function named(value: Json): Json {
  if (Array.isArray(value)) {
    const items: readonly Json[] = value;
    const keys = items.map(keyOf);
    if (items.length === 0 || keys.includes(null) || new Set(keys).size < keys.length) return items.map(named);
    return Object.fromEntries(items.map((item, i) => [keys[i] ?? '', named(item)]));
  }
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, named(inner)]));
}

/** null: it has no name. */
function keyOf(item: Json): string | null {
  if (!isMap(item)) return null;
  const { name, type, address } = item;
  if (typeof type === 'string') return typeof name === 'string' ? `${type}(${name})` : type;
  if (typeof name === 'string') return name;
  return typeof address === 'string' ? address : null;
}

/** A server, a pool, a listener is shown by what tells it apart. */
function show(value: Json): string {
  if (isHidden(value)) return '(hidden)';
  if (!isMap(value)) return typeof value === 'string' && value !== '' ? value : JSON.stringify(value);
  if (typeof value.address === 'string') return value.address;
  if (isMap(value.servers ?? null)) return `servers ${Object.keys(value.servers as object).join(', ')}`;
  const text = JSON.stringify(value, (_, inner: Json) => (isHidden(inner) ? '(hidden)' : inner));
  return text.length > 200 ? `${text.slice(0, 197)}...` : text;
}

function isMap(value: Json): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
