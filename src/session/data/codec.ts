/**
 * How a session's data becomes bytes: JSON, which must give back what was put in. Whatever JSON would change without a
 * word (a Date becomes text, undefined vanishes, a Map becomes `{}`) is refused by name, because the live object and its
 * copy would differ from then on.
 */
import { asError, SessionError } from '../error.ts';

/** The app's data. Add to it to give your names types: `declare module 'limpet/session' { interface SessionData { ... } }`. */
export interface SessionData {
  [name: string]: unknown;
}

/** Codecs by name. */
export type CodecName = 'json' | 'devalue';

/** `encode` of equal data gives equal text: it is how changes are found. Throws SessionError `not-serialisable`. */
export interface Codec {
  encode(data: SessionData): string;
  decode(text: string): SessionData;
  /** Throws when `data`, which `encode` has taken or is to take, would not come back as it is. */
  check(data: SessionData): void;
}

export const jsonCodec: Codec = {
  encode(data) {
    try {
      return JSON.stringify(data);
    } catch (error) {
      // A cycle, a bigint, or a getter that throws: the walk knows where.
      checkValue(data, 'session.data', new Set());
      throw new SessionError('not-serialisable', `session.data cannot be written as JSON: ${error}`, { cause: error });
    }
  },
  decode(text) {
    return readData(JSON.parse(text));
  },
  check(data) {
    // The names of a path are put together only where one has to be told.
    if (!isSurelyWritable(data)) checkValue(data, 'session.data', new Set());
  },
};

function isSurelyWritable(data: SessionData): boolean {
  try {
    return isWritable(data, 0);
  } catch {
    // A getter that throws.
    return false;
  }
}

/** Levels of nesting up to which it is not asked whether an object is part of itself. */
const deepest = 100;

/** JSON gives it back as it is. False: it does not, or whether it does is not known. */
function isWritable(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value);
    case 'object':
      break;
    default:
      return false;
  }
  if (value === null) return true;
  if (depth === deepest) return false;
  if (Array.isArray(value)) {
    // By index: a hole of a sparse array is undefined too.
    for (let i = 0; i < value.length; i++) if (!isWritable(value[i], depth + 1)) return false;
    return true;
  }
  if (!isPlain(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return false;
  for (const name of Object.keys(value)) if (!isWritable(value[name], depth + 1)) return false;
  return Object.getOwnPropertySymbols(value).length === 0;
}

/** Throws when what a copy was decoded to is no session's data. */
export function readData(value: unknown): SessionData {
  if (isData(value)) return value;
  throw new SessionError('not-serialisable', `a session's copy is not an object: ${kindOf(value)}`);
}

function isData(value: unknown): value is SessionData {
  return isPlain(value);
}

export function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function checkValue(value: unknown, path: string, above: Set<object>): void {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return;
  if (typeof value === 'number' && Number.isFinite(value)) return;
  if (typeof value !== 'object') refuse(path, value);
  if (above.has(value)) {
    throw new SessionError('not-serialisable', `${path} holds an object that it is part of; expected no cycle`);
  }
  above.add(value);
  if (Array.isArray(value)) {
    // By index: a hole of a sparse array is undefined too.
    for (let i = 0; i < value.length; i++) checkValue(value[i], `${path}[${i}]`, above);
  } else {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== null && prototype !== Object.prototype) refuse(path, value);
    for (const name of Object.keys(value)) checkValue(propertyOf(value, name, path), join(path, name), above);
    const [symbol] = Object.getOwnPropertySymbols(value);
    if (symbol !== undefined) refuse(`${path}[${String(symbol)}]`, symbol);
  }
  above.delete(value);
}

function propertyOf(holder: object, name: string, path: string): unknown {
  try {
    return Reflect.get(holder, name);
  } catch (error) {
    throw new SessionError(
      'not-serialisable',
      `${join(path, name)} has a getter that throws: ${asError(error).message}`,
      {
        cause: error,
      },
    );
  }
}

function join(path: string, name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? `${path}.${name}` : `${path}[${JSON.stringify(name)}]`;
}

function refuse(path: string, value: unknown): never {
  const advice =
    value === undefined ? '; to remove a name, delete it' : value instanceof Date ? '; store its time' : '';
  throw new SessionError(
    'not-serialisable',
    `${path} is ${kindOf(value)}; expected what JSON gives back as it was: text, finite numbers, booleans, null, arrays and plain objects${advice}`,
  );
}

function kindOf(value: unknown): string {
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value)) return 'an array';
  if (typeof value !== 'object' || value === null) return value === undefined ? 'undefined' : `a ${typeof value}`;
  const made: unknown = value.constructor;
  return typeof made === 'function' && made.name !== '' ? `a ${made.name}` : 'an object with a prototype';
}
