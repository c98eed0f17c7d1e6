/**
 * The address of a Redis, read strictly: a password with a character that was not escaped would else be cut in two, and one half
 * be taken for a host, which errors name.
 *
 *      redis://[user[:password]@]host[:port][/db]          rediss:// the same over TLS
 *      redis+sentinel://[...@]host[:port],host[:port]/name-of-the-master
 *      redis+cluster://[...@]host[:port],host[:port]
 *
 * User and password are those of the servers that have the data.
 */
import { isIP } from 'node:net';

export interface RedisAddress {
  readonly kind: 'one' | 'sentinel' | 'cluster';
  readonly tls: boolean;
  /** '' none. */
  readonly username: string;
  readonly password: string;
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  /** Of `one`. */
  readonly db: number;
  /** 4 or 6 with `?family=`, which some networks need; 0: either. Of `one`. */
  readonly family: number;
  /** Of `sentinel`: the master's name. */
  readonly name: string;
}

/** For an error, which must not show what was found. */
export const redisForm =
  'redis://user:password@host:port/db, where user and password have %40 for @, %3A for :, %2F for /, %3F for ?, %23 for # and %25 for %';

const shape = /^(redis|rediss|redis\+sentinel|redis\+cluster):\/\/(?:([^@]*)@)?([^@/?#]+)(?:\/([^@/?#]*))?(?:\?(.*))?$/;
const login = /^((?:[\w.~!$&'()*+,;=-]|%[\da-f]{2})*)(?::((?:[\w.~!$&'()*+,;=:-]|%[\da-f]{2})*))?$/i;

/** null: it is none, or a part of it is not escaped. */
export function parseRedis(url: string): RedisAddress | null {
  const [, scheme = '', userInfo = '', hosts = '', path = '', query] = shape.exec(url) ?? [];
  const kind = scheme === 'redis+sentinel' ? 'sentinel' : scheme === 'redis+cluster' ? 'cluster' : 'one';
  const [found, user = '', pass = ''] = login.exec(userInfo) ?? [];
  const username = decoded(user);
  const password = decoded(pass);
  const usual = kind === 'sentinel' ? 26_379 : 6379;
  const nodes = hosts.split(',').map((written) => nodeOf(written, usual));
  const [, family = '0'] = /^family=([046])$/.exec(query ?? '') ?? [];
  const right =
    scheme !== '' &&
    found !== undefined &&
    username !== null &&
    password !== null &&
    (kind !== 'one' || (nodes.length === 1 && /^\d{0,5}$/.test(path))) &&
    (kind !== 'sentinel' || /^[\w.-]+$/.test(path)) &&
    (kind !== 'cluster' || path === '') &&
    (query === undefined || (kind === 'one' && family === query.slice('family='.length)));
  if (!right || !nodes.every((node) => node !== null)) return null;
  const tls = scheme === 'rediss';
  return { kind, tls, username, password, nodes, db: Number(path) || 0, family: Number(family), name: path };
}

function nodeOf(written: string, usual: number): { readonly host: string; readonly port: number } | null {
  const [, ipv6, plain = '', digits] = /^(?:\[([\da-f:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/i.exec(written) ?? [];
  const host = ipv6 ?? plain;
  const port = digits === undefined ? usual : Number(digits);
  return (isIP(host) > 0 || /^[\w-]+(?:\.[\w-]+)*\.?$/.test(host)) && port > 0 && port < 65_536 ? { host, port } : null;
}

/** null: an escape stands for no text. */
function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
