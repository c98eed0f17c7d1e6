/**
 * Affinity of Socket.IO (Engine.IO) clients without cookies. The server names the session in the body of the response to the
 * handshake, and the client sends the name as `sid` in the query. A client that begins with WebSocket has a single connection and needs
 * no affinity.
 *
 *      0{"sid":"..."                     Engine.IO 4
 *      97:0{"sid":"..."                  Engine.IO 3, as text: the length first
 *      00 09 07 FF 0{"sid":"..."         Engine.IO 3, as bytes: 0, digits of the length, 255
 *      ___eio[0]("0{\"sid\":\"...        JSONP: one of the texts, in a string
 */
import type { FieldKinds } from '../config/field-kinds.ts';
import { COLON, QUESTION, SLASH } from '../http/bytes.ts';
import { Method, type RequestHead } from '../http/head.ts';
import type { Affinity, ClientFacts, LearnedId, Recognition } from './affinity.ts';
import type { AffinityDescriptor, SessionTimes } from './descriptor.ts';
import { QueryParameter } from './id-sources.ts';
import { checkTimes, fillTimes, type NamedDependencies, Naming } from './named.ts';

export interface SocketIoOptions extends SessionTimes {
  readonly type: 'socket.io';
  /** Requests below this path belong to Socket.IO. */
  readonly path: string;
}

/** Engine.IO itself ends a session after 45 s without a ping; the table may keep it longer. */
const usualIdleMs = 5 * 60_000;

export const socketIo = {
  type: 'socket.io',
  meaning: 'Sessions of Socket.IO clients without cookies: the `sid` of the handshake.',
  wordRank: 3,
  hasIds: true,
  learns: true,
  schema({ field, map, storedTimes, text }: FieldKinds) {
    const path = text('path', 'a path that begins with / and has no space, ? or #', (path) =>
      /^\/[\x21-\x22\x24-\x3e\x40-\x7e]*$/.test(path) ? path : null,
    );
    return map({
      path: field(path, '/socket.io/', 'Requests below this path are Socket.IO (or plain Engine.IO).'),
      ...storedTimes(usualIdleMs),
    }).transform(
      ({ path, idle, absolute }): SocketIoOptions => ({
        type: 'socket.io',
        path,
        ...fillTimes(idle, absolute, usualIdleMs),
      }),
    );
  },
  check: (options, report) => checkTimes(options, report),
  sourcesOf: ({ path }) => [{ text: `query parameter sid below ${path}`, quoted: `Socket.IO below ${path}` }],
  timesOf: (options) => options,
  tableNameOf: ({ path }) => path,
  create: (options, dependencies) => new SocketIoAffinity(options, dependencies),
} satisfies AffinityDescriptor<SocketIoOptions>;

/** The sid has to stand within so many bytes of the body. */
const longestOpening = 1024;

const polling = Buffer.from('polling');
const jsonp = Buffer.from('___eio[');

export class SocketIoAffinity implements Affinity {
  readonly name = 'socket.io';
  readonly lifetime: number;
  private readonly naming: Naming;
  /** Without the slash at its end. */
  private readonly path: Uint8Array;
  private readonly sid = new QueryParameter('sid');
  private readonly version = new QueryParameter('EIO');
  private readonly transport = new QueryParameter('transport');

  constructor({ path }: SocketIoOptions, deps: NamedDependencies) {
    this.lifetime = deps.lifetime;
    this.naming = new Naming(deps);
    this.path = Buffer.from(path.replace(/\/$/, ''), 'latin1');
  }

  recognise(request: RequestHead, _client: ClientFacts, now: number, recognition: Recognition): boolean {
    const { bytes, pathStart, pathEnd } = request;
    if (!this.isBelow(bytes, pathStart, pathEnd)) return false;
    const { naming, sid, transport } = this;
    if (sid.find(bytes, pathStart, pathEnd)) {
      naming.begin();
      while (!naming.offer(sid.bytes, sid.start, sid.end, now, recognition) && sid.next());
      return naming.recognise(this, now, recognition);
    }
    if (
      request.method === Method.get &&
      this.version.find(bytes, pathStart, pathEnd) &&
      transport.find(bytes, pathStart, pathEnd) &&
      polling.compare(transport.bytes, transport.start, transport.end) === 0
    )
      recognition.reader = this;
    return false;
  }

  learnBody(text: Buffer, _now: number, learned: LearnedId): boolean {
    const limit = Math.min(text.length, longestOpening);
    const isScript = text[0] === jsonp[0];
    const start = openingOf(text, limit, isScript);
    if (start < 0) return true;
    if (start < limit) {
      // In a script each quote and backslash has a backslash before it; the last backslash may be cut off from its character.
      const json = text.toString('latin1', start, limit);
      const sid = sidOf(isScript ? json.replace(/\\(.?)/g, '$1') : json);
      if (sid === null) return true;
      if (sid !== '') {
        const bytes = Buffer.from(sid, 'latin1');
        this.naming.record(bytes, 0, bytes.length, 0, learned);
        return true;
      }
    }
    return text.length >= longestOpening;
  }

  private isBelow(bytes: Uint8Array, start: number, end: number): boolean {
    const { path } = this;
    const after = start + path.length;
    if (after > end) return false;
    for (let i = 0; i < path.length; i++) if (bytes[start + i] !== path[i]) return false;
    return after === end || bytes[after] === SLASH || bytes[after] === QUESTION;
  }
}

const zero = 48;
const brace = 123;

/** Position of the JSON of an open packet; -1: the body has none; `end`: the text is too short to decide. */
function openingOf(text: Buffer, end: number, isScript: boolean): number {
  let p = 0;
  if (isScript) {
    for (; p < jsonp.length; p++) {
      if (p >= end) return end;
      if (text[p] !== jsonp[p]) return -1;
    }
    while (p < end && isDigit(text[p]!)) p++;
    for (const want of [93, 40, 34]) {
      if (p >= end) return end;
      if (text[p++] !== want) return -1;
    }
  }
  if (p >= end) return end;
  if (text[p] === 0) {
    for (p++; p < end && text[p]! < 10; ) p++;
    if (p >= end) return end;
    if (text[p++] !== 255) return -1;
  } else if (text[p] !== zero) {
    const digits = p;
    while (p < end && isDigit(text[p]!)) p++;
    if (p >= end) return end;
    if (p === digits || text[p++] !== COLON) return -1;
  }
  if (p >= end) return end;
  if (text[p++] !== zero) return -1;
  if (p >= end) return end;
  return text[p] === brace ? p : -1;
}

function isDigit(byte: number): boolean {
  return byte >= zero && byte <= 57;
}

/**
 * The member `sid` of the JSON object at the beginning of `json`; '': the text is too short to decide; null: there is none that could
 * be a name. One pass: `token` continues where it stopped.
 */
function sidOf(json: string): string | null {
  const token = /"((?:[^"\\]|\\.)*)"(\s*:)?|[{}[\]]|[^"{}[\]]+/y;
  let depth = 0;
  let isSid = false;
  for (let found = token.exec(json); found !== null; found = token.exec(json)) {
    const [all, text, colon] = found;
    if (all === '{' || all === '[') depth++;
    else if (all === '}' || all === ']') depth--;
    if (depth === 0) return null;
    // A key may end where the text was cut off, before its colon: then more is needed anyway.
    if (isSid && text !== undefined) return /^[\x21-\x5b\x5d-\x7e]{1,128}$/.test(text) ? text : null;
    if (isSid && all.trim() !== '') return null;
    isSid = depth === 1 && ((text === 'sid' && colon !== undefined) || (isSid && all.trim() === ''));
  }
  return '';
}
