import { describe, expect, test } from 'vitest';
import { sessionOf } from '../../test/support/session.ts';
import type { Affinity, Binder } from '../affinity/affinity.ts';
import type { CookieAttributes } from '../http/session-cookie.ts';
import { Session } from './session.ts';

const affinity: Affinity = { name: 'cookie', recognise: () => false };

test('begins with the owner that the token names', () => {
  expect(sessionOf({ recognised: true, owner: 5, epoch: 3 })).toMatchObject({
    owner: 5,
    epoch: 3,
    storeState: 'not-asked',
  });
});

test('nothing of one exchange is left for the next', () => {
  const session = sessionOf(
    { affinity, recognised: true, owner: 5, epoch: 3, sid0: 1, sid1: 2, sid2: 3, sid3: 4, tokenDue: true },
    {
      former: 2,
      counted: true,
      firstPlacement: true,
      substitute: true,
      endedRecently: true,
      reason: 'move',
      version: 6,
      sentCopy: { epoch: 3, version: 6, data: Buffer.from('x'), expires: 1 },
    },
  );
  session.onStore('record-ending');
  session.changeBinding('withheld');
  session.clear();
  expect(session).toEqual(new Session());
});

describe('what the client has to be told', () => {
  test('hangs on the token alone as long as owner and id are as they were', () => {
    expect(sessionOf({ tokenDue: false }).isBindingDue).toBe(false);
    expect(sessionOf({ tokenDue: true }).isBindingDue).toBe(true);
  });

  test('is told whatever caches do only when it would be lost, and not by a mere change after that', () => {
    const session = sessionOf();
    session.changeBinding('changed');
    expect([session.isBindingDue, session.mustBind]).toEqual([true, false]);
    session.changeBinding('must-bind');
    session.changeBinding('changed');
    expect([session.isBindingDue, session.mustBind]).toEqual([true, true]);
  });

  test('stays untold once it is withheld, even where the token is due', () => {
    const session = sessionOf({ tokenDue: true });
    session.changeBinding('withheld');
    session.changeBinding('must-bind');
    expect([session.isBindingDue, session.mustBind]).toEqual([false, false]);
  });
});

test('a session whose end has come is one that was never recognised, but for its key and the cookie to be forgotten', () => {
  const cookie = { tag: 7 } as CookieAttributes;
  const session = sessionOf({ affinity, recognised: true, owner: 5, key: 9, sid0: 9, cookie }, { version: 3 });
  session.disown();
  expect(session.recognition).toMatchObject({ affinity: null, recognised: false, key: 9, sid0: 0, cookie: null });
  expect(session.recognition.formerCookie).toBe(cookie);
  expect(session).toMatchObject({ owner: 0, version: 0 });
});

test('one that is nobody’s gets another id, and belongs to nobody', () => {
  const binder: Binder = { ...affinity, begin: (now, to) => Object.assign(to, { sid0: 8, epoch: 1, born: now }) };
  const session = sessionOf({ owner: 5, sid0: 7, epoch: 3 }, { endedRecently: true });
  session.rename(binder, 1000);
  expect(session).toMatchObject({ epoch: 1, endedRecently: true, recognition: { sid0: 8, born: 1000 } });
});

test('a server is told of a whole id only, and of none that it merely stands in for', () => {
  expect(sessionOf({ sid0: 1, sid1: 2 }).isOffered).toBe(false);
  expect(sessionOf({ sid0: 1, sid1: 2, sid3: 4 }).isOffered).toBe(true);
  expect(sessionOf({ sid0: 1, sid1: 2, sid3: 4 }, { substitute: true }).isOffered).toBe(false);
});
