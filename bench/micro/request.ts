/**
 * What the steps of one request cost: nanoseconds and bytes of heap each. `node bench/micro/request.ts` or
 * `bun bench/micro/request.ts`; policies and the full table have benches of their own beside this one.
 */
import { randomFillSync } from 'node:crypto';
import { type ClientFacts, Recognition } from '../../src/affinity/affinity.ts';
import { CookieAffinity } from '../../src/affinity/cookie.ts';
import { cookieDefaults } from '../../src/affinity/cookie-options.ts';
import { PathAffinity } from '../../src/affinity/path.ts';
import { TokenRing } from '../../src/affinity/token.ts';
import { RequestHead, ResponseHead } from '../../src/http/head.ts';
import { cutFromRequest, cutFromResponse } from '../../src/http/hop-headers.ts';
import { Splice } from '../../src/http/splice.ts';
import { HeadWriter } from '../../src/http/writer.ts';
import { Entry, SessionTable } from '../../src/table/table.ts';
import { readRequest, requestWith, responseWith, wideLimits } from '../../test/support/heads.ts';
import { measure, print, type Step } from './harness.ts';

const now = 1_800_000_000;
const client: ClientFacts = { clientAddress: '127.0.0.1', clientSecure: false };
const ring = new TokenRing([Buffer.alloc(32, 'k')], 'bench', { idle: 8 * 3600, absolute: 0 });
const settings = {
  ...cookieDefaults,
  type: 'cookie',
  twin: '',
  app: { ...cookieDefaults, maxAge: 30 * 24 * 3_600_000 },
} as const;
const affinity = new CookieAffinity(settings, { ring, randomWords: (words) => randomFillSync(words) });

function expect(right: boolean): void {
  if (!right) throw new Error('wrong answer');
}

/** Tokens of as many sessions, one after the other in one buffer. */
function tokens(count: number): Buffer {
  const session = Object.assign(new Recognition(), { owner: 5, epoch: 1, born: now, seen: now });
  return Buffer.from(
    Array.from({ length: count }, (_, n) => ring.sign(Object.assign(session, { sid0: n + 1 }))).join(''),
  );
}

const tokenLength = tokens(1).length;
const own = `limpet=${tokens(1)}`;

const heads = {
  small: requestWith('User-Agent: bench', 'Accept: */*', `Cookie: ${own}`),
  browser: requestWith(
    ...Array.from({ length: 12 }, (_, n) => `X-Header-${n}: a value of a browser's usual length, number ${n}`),
    `Cookie: theme=dark; consent=yes; ${own}; cart=12345`,
  ),
};
const response = responseWith(
  200,
  'Date: Fri, 15 Jan 2027 08:00:00 GMT',
  'Content-Length: 54',
  'Connection: keep-alive',
);

const request = new RequestHead(wideLimits);
const answer = new ResponseHead(wideLimits);
const session = new Recognition();
const bindings = [false, true].map((isBindingDue) => ({ owner: 5, epoch: 1, isBindingDue, mustBind: false }));
const edit = new Splice();
const out = new HeadWriter(1 << 16);

function readStep(name: string, { bytes }: { readonly bytes: Buffer }): Step {
  return { name, run: () => expect(request.read(bytes, 0, bytes.length) === bytes.length) };
}

function cookieStep(name: string, head: RequestHead): Step {
  return {
    name,
    run() {
      edit.clear();
      session.clear();
      expect(affinity.recognise(head, client, now, session, edit));
      cutFromRequest(head.headers, edit, false);
      out.clear();
      edit.write(head.bytes, 0, head.headers.end, out);
    },
  };
}

const names = { hash: () => undefined };

/** In a path of an ordinary length. */
function pathStep(name: string, pattern: string): Step {
  const path = new PathAffinity({ type: 'path', pattern, idle: 0, absolute: 0 }, { names, lifetime: 0 });
  const head = readRequest('GET /rooms/5f2c8a1e/members?page=2 HTTP/1.1\r\nHost: a\r\n\r\n');
  return {
    name,
    run() {
      session.clear();
      expect(path.recognise(head, client, now, session));
    },
  };
}

function verifyStep(name: string, count: number): Step {
  const bytes = tokens(count);
  return {
    name,
    run(turn) {
      const start = (turn % count) * tokenLength;
      expect(ring.verify(bytes, start, start + tokenLength, now, session) === 'valid');
    },
  };
}

function bindStep(name: string, changed: boolean): Step {
  const binding = bindings[changed ? 1 : 0]!;
  return {
    name,
    run() {
      edit.clear();
      expect(answer.read(response.bytes, 0, response.bytes.length) === response.bytes.length);
      cutFromResponse(answer.headers, edit);
      if (changed) affinity.begin(now, session);
      expect(affinity.bind(session, binding, answer, client, now, edit) === changed);
      out.clear();
      edit.write(answer.bytes, answer.headers.start, answer.headers.end, out);
      edit.writeAdded(out);
    },
  };
}

function tableStep(): Step {
  const table = SessionTable.create({ capacity: 1000, lifetimes: [{ idle: 1800, absolute: 0 }] });
  const entry = new Entry();
  const keys = Array.from({ length: 512 }, (_, n) => ({ hi: Math.imul(n + 1, 0x9e3779b1) >>> 0, lo: n }));
  for (const key of keys) expect(table.bind(key, 1, now, entry) === 'bound');
  return {
    name: 'table: enter and leave, 512 sessions',
    run(turn) {
      const key = keys[turn & 511]!;
      expect(table.enter(key, now, entry) === 'live');
      table.leave(key, now, entry);
    },
  };
}

const runtime = process.versions.bun ? `Bun ${process.versions.bun}` : `Node ${process.versions.node}`;
console.log(`${runtime}, a step of one request\n`);
print(
  measure([
    readStep(`read a head of ${heads.small.bytes.length} bytes`, heads.small),
    readStep(`read a head of ${heads.browser.bytes.length} bytes`, heads.browser),
    verifyStep('verify a token, seen before', 16),
    // Far more than the cache of verified tokens holds.
    verifyStep('verify a token, first seen', 100_000),
    cookieStep('recognise, cut the cookie, write the small head', heads.small),
    cookieStep('recognise, cut the cookie, write the larger head', heads.browser),
    pathStep('find the key in a path, plain pattern', '^/rooms/([^/]+)'),
    pathStep('find the key in a path, another pattern', '^/(?:rooms|docs)/([^/]+)'),
    tableStep(),
    bindStep('read and write a response head', false),
    bindStep('the same, and bind a new session', true),
  ]),
);
