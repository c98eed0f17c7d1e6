/**
 * Where ours differ from express-session and @fastify/session, and why: each is a decision, and stands with these words in the guide
 * (docs/guide/coming-from-express-session.md). A behaviour that differs and is not named here is a fault; so is one that is named and
 * does not differ.
 */
import type { SideName } from './sides.ts';

export interface Difference {
  /** Its heading in the guide. */
  readonly title: string;
  /** What stands under it. */
  readonly text: string;
  /** Names of behaviours, and the sides on which they differ. */
  readonly behaviours: Readonly<Record<string, readonly SideName[]>>;
}

const all = ['local', 'shared', 'sticky'] as const;
const onAll = (...names: string[]) => Object.fromEntries(names.map((name) => [name, all]));
const inMemory = (...names: string[]) => Object.fromEntries(names.map((name) => [name, ['local', 'sticky'] as const]));
const fastify = (...names: string[]) => names.map((name) => `@fastify/session: ${name}`);

export const differences: readonly Difference[] = [
  {
    title: 'A request that fails changes nothing',
    text: `A request that answers with a status of 500 or above, or whose handler throws, leaves the session as it was; the original keeps
what it had changed until then. That goes for what \`save()\` has called back for, too, unless the change is with a store
already (strategy \`shared\`, or after the head). A status below 500 is an answer that you meant: its changes are kept.`,
    behaviours: {
      ...onAll(
        'a request that fails: status 500',
        'a request that fails: status 503',
        'a request that fails: an error to next',
        'a request that fails: a handler that throws',
        'a visitor whose first request fails',
        ...fastify('a handler that throws', 'a status of 500'),
      ),
      ...inMemory('a request that fails: after save', ...fastify('save, and a status of 500')),
    },
  },
  {
    title: 'Two requests at the same time',
    text: `Each name counts by itself: two requests that set different names both keep them. In the original the later answer writes the
whole session, and the other's names are lost.`,
    behaviours: onAll(
      'at the same time: two requests that set different names',
      ...fastify('at the same time: two requests that set different names'),
    ),
  },
  {
    title: 'A logout is final',
    text: `After \`destroy\` or \`regenerate\` a request in flight that writes under the old id is answered with 503 and keeps nothing;
one that only reads goes through, with \`resave\` and \`rolling\` as well. In the original it brings the session back to life. With
\`sticky\` that goes for whatever comes with the old cookies within ten seconds of \`regenerate\`, too: the cookie of a session
that began there could take the place of the right one.`,
    behaviours: {
      'after regenerate, a write with the old cookies': ['sticky'],
      ...onAll(
        'at the same time: a logout, and a request that writes afterwards',
        'at the same time: a logout, and a request with resave that only reads',
        'at the same time: regenerate, and a request under the old id',
        ...fastify('at the same time: a logout, and a request that writes afterwards'),
      ),
    },
  },
  {
    title: 'A change that is not kept is never a success',
    text: `When the store cannot take a change the client gets 503 with \`Limpet-Reason\`, in place of what the app had sent; the original
sends the success and passes the error to \`next\`. Where the session is read or ended by a callback, that callback gets the
error in both; here it is a SessionError, with a \`code\` and a \`status\`. What a session's time of expiry costs is saved: the
store is touched after a quarter of it, not with each request.`,
    behaviours: {
      'a store that fails: reading': all,
      'a store that fails: writing': all,
      'a store that fails: ending': all,
      'a store that fails: ending, of regenerate': all,
      'a store that fails: ending, of unset': all,
      'a store that fails: touching': all,
      '@fastify/session: a store that fails: reading': all,
      '@fastify/session: a store that fails: writing': all,
      '@fastify/session: a store that fails: ending': all,
      '@fastify/session: a store that fails: ending, of regenerate': all,
    },
  },
  {
    title: 'A session that begins after the head is an error',
    text: `The cookie of a new session leaves with the head. A visitor whose session begins after it gets a broken connection, and the app's
\`onError\` a SessionError \`head-left\`; the original keeps a session whose cookie no client has.`,
    behaviours: onAll('a session that begins after the head: no cookie can carry it'),
  },
  {
    title: 'What JSON cannot write is an error by name',
    text: `A BigInt, a cycle, a getter that throws: the client gets 500 with \`Limpet-Reason: not-serialisable\`, and the session is what it was.
In the original such a request hangs, also when the app's error handler answers it.`,
    // The original gives no answer that could be compared: test/session/express-store.test.ts.
    behaviours: {},
  },
  {
    title: 'Two cookies, not one',
    text: `The data lives in the Limpet session, which has a cookie of its own (\`sid\`, or \`limpet\` of the balancer); \`connect.sid\` names the
part of it that is express-session's. A client has to send both: one of them alone, or of two users, is no session.`,
    behaviours: onAll(
      'the cookie alone, without any other that was set with it',
      'an id of another user, with its own signature',
      ...fastify('the cookie alone, without any other that was set with it'),
    ),
  },
  {
    title: 'The balancer has a say in the cookie',
    text: `What the options and \`request.session.cookie\` say of maxAge, domain, path, sameSite, secure and partitioned goes for both cookies.
With \`sticky\` the second one is the balancer's: what is wider than its config is cut to what its operator allows, by \`app\` of
the cookie affinity, and \`onWarning\` says so once. \`X-Forwarded-Proto\` is set by the balancer, too: a client's own counts only behind a proxy
that \`trustedProxies\` names, and of several values the last one, which is that proxy's own.`,
    // Of an operator who allows all that these apps ask for. What is not allowed: test/session/app-cookie.test.ts.
    behaviours: {
      'secure proxy true, a list: its first': ['sticky'],
      'secure proxy true, a list whose first is plain': ['sticky'],
    },
  },
  {
    title: 'An id says where its session is',
    text: `\`request.sessionID\` has 65 characters, not 32: it begins with the id of the Limpet session, and by that \`get\`, \`set\`, \`destroy\` and
\`touch\` of the store find a session outside of its own requests, too. Ids of a \`genid\` of yours stay as you make them, and are
found by their own requests alone; so are those of @fastify/session without \`idGenerator: limpetId\`.`,
    behaviours: onAll('id', ...fastify('decryptSession of another client’s cookie')),
  },
];
