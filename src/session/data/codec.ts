/**
 * How the data of a session is encoded: as JSON, which must give back what was put in. Values that JSON would change silently
 * (a Date becomes text, undefined disappears, a Map becomes `{}`) are refused by name: the live object and its stored copy would
 * differ from then on.
 */
import { asError, SessionError } from '../error.ts';

/**
 * The app's data: any names and values that the codec can encode. Extend it to give your names types.
 *
 * @example
 * declare module 'limpet/session' {
 *   interface SessionData { cart?: string[] }
 * }
 */
export interface SessionData {
  [name: string]: unknown;
}

/** The codecs that come with Limpet, by name. `devalue` needs the package of that name. */
export type CodecName = 'json' | 'devalue';

/**
 * Encodes the data of sessions, for the option `codec`. Changes are found by comparing encoded texts, so equal data must encode to equal
 * text.
 *
 * @example
 * const codec: Codec = { encode: superjson.stringify, decode: superjson.parse, check() {} };
 */
export interface Codec {
  /**
   * The text that is stored.
   *
   * @throws SessionError `not-serialisable`; any other error is wrapped in one.
   */
  encode(data: SessionData): string;
  /** The data that `encode` was given. */
  decode(text: string): SessionData;
  /**
   * Called with changed data before it is stored, and with values that are set.
   *
   * @throws when `decode` would not give `data` back as it is.
   */
  check(data: SessionData): void;
}

/**
 * The codec `json`, the default. Refuses, by the path of the value, what JSON would not give back as it is.
 *
 * @example
 * jsonCodec.check({ at: new Date() }); // throws: session.data.at is a Date; expected what JSON gives back ...
 */
export const jsonCodec: Codec = {
  encode(data) {
    try {
      return JSON.stringify(data);
    } catch (error) {
      // A cycle, a bigint, or a getter that throws: the check finds its path.
      checkValue(data, 'session.data', new Set());
      throw new SessionError('not-serialisable', `session.data cannot be written as JSON: ${error}`, { cause: error });
    }
  },
  decode(text) {
    return readData(JSON.parse(text));
  },
  check(data) {
    // The fast check first: the slow one builds the path of each value.
    if (!isSurelyEncodable(data)) checkValue(data, 'session.data', new Set());
  },
};

function isSurelyEncodable(data: SessionData): boolean {
  try {
    return isEncodable(data, 0);
  } catch {
    // A getter that throws.
    return false;
  }
}

/** Levels of nesting that the fast check follows. It does not look for cycles: a cycle reaches this depth. */
const maxDepth = 100;

/** True: JSON gives the value back as it is. False: it does not, or that is not known. */
function isEncodable(value: unknown, depth: number): boolean {
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
  if (depth === maxDepth) return false;
  if (Array.isArray(value)) {
    // By index: a hole of a sparse array is undefined too.
    for (let i = 0; i < value.length; i++) if (!isEncodable(value[i], depth + 1)) return false;
    return true;
  }
  if (!isPlain(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return false;
  for (const name of Object.keys(value)) if (!isEncodable(value[name], depth + 1)) return false;
  return Object.getOwnPropertySymbols(value).length === 0;
}

/** Throws SessionError when a stored copy was decoded to something that is not the data of a session. */
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

function checkValue(value: unknown, path: string, parents: Set<object>): void {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return;
  if (typeof value === 'number' && Number.isFinite(value)) return;
  if (typeof value !== 'object') refuse(path, value);
  if (parents.has(value)) {
    throw new SessionError('not-serialisable', `${path} holds an object that it is part of; expected no cycle`);
  }
  parents.add(value);
  if (Array.isArray(value)) {
    // By index: a hole of a sparse array is undefined too.
    for (let i = 0; i < value.length; i++) checkValue(value[i], `${path}[${i}]`, parents);
  } else {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== null && prototype !== Object.prototype) refuse(path, value);
    for (const name of Object.keys(value)) checkValue(propertyOf(value, name, path), join(path, name), parents);
    const [symbol] = Object.getOwnPropertySymbols(value);
    if (symbol !== undefined) refuse(`${path}[${String(symbol)}]`, symbol);
  }
  parents.delete(value);
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
  const type: unknown = value.constructor;
  return typeof type === 'function' && type.name !== '' ? `a ${type.name}` : 'an object with a prototype';
}
