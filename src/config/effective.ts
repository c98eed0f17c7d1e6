/** The options as plain JSON for people and programs: addresses as the config writes them, and no secrets. */
import { createHash } from 'node:crypto';
import { type Address, formatAddress } from '../net/socket.ts';
import { withoutSecrets } from '../store/addresses.ts';
import type { LimpetOptions, TracingOptions } from './options.ts';

/** Takes the place of a secret. */
export const hidden = '(hidden)';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** Fields whose values are secrets wherever they stand. */
const secretNames = new Set(['keys', 'secret', 'encrypt', 'token', 'readToken', 'password']);

/** Stands for a secret where two configs are compared. */
const secretMark = '\0secret ';

export function isHidden(value: unknown): boolean {
  return value === hidden || (typeof value === 'string' && value.startsWith(secretMark));
}

/** `compared`: equal secrets are equal texts, and others are not; such a text must not be shown. */
export function effectiveConfig(options: LimpetOptions, compared = false): Record<string, Json> {
  const { sessions, fleet, tracing, ...rest } = options;
  const hide = (value: unknown): string => (compared ? `${secretMark}${digest(value)}` : hidden);
  const whole = plainMap(rest, hide);
  const shown = (part: { readonly store: string } | null): Json =>
    part && { ...plainMap(part, hide), store: shownStore(part.store, hide, compared) };
  return { ...whole, sessions: shown(sessions), fleet: shown(fleet), tracing: tracing && shownTracing(tracing, hide) };
}

/** Each header for the collector may be a secret. */
function shownTracing(tracing: TracingOptions, hide: (value: unknown) => string): Json {
  const { headers = {} } = tracing.export ?? {};
  const hiddenHeaders = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, hide(value)]));
  const shown = plainMap(tracing, hide);
  return { ...shown, export: tracing.export && { ...plainMap(tracing.export, hide), headers: hiddenHeaders } };
}

function shownStore(address: string, hide: (value: unknown) => string, compared: boolean): string {
  const shown = withoutSecrets(address);
  return compared && shown !== address ? hide(address) : shown;
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

function plainMap(map: object, hide: (value: unknown) => string): Record<string, Json> {
  const fieldOf = (name: string, value: unknown): Json => {
    const isUnset = value === '' || value === null || (Array.isArray(value) && value.length === 0);
    return secretNames.has(name) && !isUnset ? hide(value) : plain(value, hide);
  };
  return Object.fromEntries(Object.entries(map).map(([name, value]) => [name, fieldOf(name, value)]));
}

function plain(value: unknown, hide: (value: unknown) => string): Json {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (ArrayBuffer.isView(value)) return hide(value);
  if (Array.isArray(value)) return value.map((item) => plain(item, hide));
  if (typeof value !== 'object') return String(value);
  if (isAddress(value)) return formatAddress(value);
  return plainMap(value, hide);
}

function isAddress(value: object): value is Address {
  if (!('kind' in value)) return false;
  return value.kind === 'unix' ? 'path' in value : value.kind === 'tcp' && 'host' in value && 'port' in value;
}
