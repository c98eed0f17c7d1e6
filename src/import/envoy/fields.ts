/** Reads fields of Envoy: names with underscores as in its documentation, or in camel case as in the JSON form of protobuf. */

import { parseGoDuration, parsePort } from '../values.ts';
import type { Part } from '../yaml/part.ts';

/** The part at this path. A step `socket_address` also finds `socketAddress`. */
export function at(part: Part | null, ...path: readonly string[]): Part | null {
  let found = part;
  for (const key of path) {
    found =
      found?.get(key) ?? found?.get(key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())) ?? null;
  }
  return found;
}

export function textAt(part: Part | null, ...path: readonly string[]): string | null {
  return at(part, ...path)?.text() ?? null;
}

/** The name and the type of an extension, in lower case. Older files have a name only. */
export function extension(part: Part | null): string {
  const config = configOf(part);
  const type = config?.textAt('@type') ?? '';
  return `${textAt(part, 'name') ?? ''} ${type}`.toLowerCase();
}

export function configOf(part: Part | null): Part | null {
  return at(part, 'typed_config') ?? at(part, 'config');
}

/** Milliseconds of `0.25s` or `5s`; null for anything else. */
export function durationAt(part: Part | null, ...path: readonly string[]): number | null {
  const text = textAt(part, ...path);
  return text !== null && /^\d{1,9}(?:\.\d{1,9})?s$/.test(text) ? parseGoDuration(text) : null;
}

/** Reads an `address`: `host:port`, or `unix:`. Returns null for anything else. */
export function addressIn(
  part: Part | null,
): { readonly host: string; readonly text: string; readonly noteOn: Part } | null {
  const socket = at(part, 'socket_address');
  const host = at(socket, 'address');
  const port = at(socket, 'port_value');
  const pipe = at(part, 'pipe', 'path');
  if (pipe !== null) return { host: '', text: `unix:${pipe.text() ?? ''}`, noteOn: pipe };
  const number = parsePort(port?.text() ?? null);
  const name = host?.text() ?? '';
  if (host === null || port === null || number === null) return null;
  return { host: name, text: `${name.includes(':') ? `[${name}]` : name}:${number}`, noteOn: host };
}

export function carryAddress(part: Part | null): void {
  for (const path of [
    ['socket_address', 'address'],
    ['socket_address', 'port_value'],
    ['pipe', 'path'],
  ]) {
    at(part, ...path)?.carry();
  }
  const protocol = at(part, 'socket_address', 'protocol');
  if (protocol?.text() === 'TCP') protocol.carry();
}
