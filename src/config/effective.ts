/** The options as plain JSON for people and programs: addresses as the config writes them, and no secrets. */
import { type Address, formatAddress } from '../net/socket.ts';
import { withoutSecrets } from '../store/addresses.ts';
import type { LimpetOptions } from './options.ts';

/** Takes the place of a secret. */
export const hidden = '(hidden)';

type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** Fields whose values are secrets wherever they stand. */
const secretNames = new Set(['keys', 'secret', 'encrypt', 'token', 'readToken', 'password']);

export function effectiveConfig(options: LimpetOptions): Record<string, Json> {
  const { sessions, ...rest } = options;
  const shown = sessions && { ...sessions, store: withoutSecrets(sessions.store) };
  return plainMap({ ...rest, sessions: shown });
}

function plainMap(map: object): Record<string, Json> {
  return Object.fromEntries(Object.entries(map).map(([name, value]) => [name, fieldOf(name, value)]));
}

function fieldOf(name: string, value: unknown): Json {
  if (!secretNames.has(name)) return plain(value);
  const isUnset = value === '' || value === null || (Array.isArray(value) && value.length === 0);
  return isUnset ? plain(value) : hidden;
}

function plain(value: unknown): Json {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (ArrayBuffer.isView(value)) return hidden;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object') return String(value);
  if (isAddress(value)) return formatAddress(value);
  return plainMap(value);
}

function isAddress(value: object): value is Address {
  if (!('kind' in value)) return false;
  return value.kind === 'unix' ? 'path' in value : value.kind === 'tcp' && 'host' in value && 'port' in value;
}
