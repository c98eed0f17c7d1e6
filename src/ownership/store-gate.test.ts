import { expect, test } from 'vitest';
import { ResponseHead } from '../http/head.ts';
import type { SessionWord } from '../http/session-headers.ts';
import { Counters } from '../metrics/counters.ts';
import type { Replicator, Verdict } from './replicator.ts';
import { Session } from './session.ts';
import { StoreGate } from './store-gate.ts';

/** An exchange, and a store that answers when the test says so. */
function stage() {
  const told: string[] = [];
  const kept: { readonly word: SessionWord; readonly done: (verdict: Verdict) => void }[] = [];
  const dialog = new StoreGate(
    {
      session: new Session(),
      server: null,
      isTold: true,
      onAnswered: () => told.push('answered'),
      waitForCopy: () => told.push('wait'),
      proceed: () => told.push('proceed'),
      onUnsafe: ({ code }) => told.push(code),
    },
    new Counters(),
  );
  const copies = {
    settings: { timeout: 1000, degrade: false },
    keep: (_session: Session, _server: unknown, word: SessionWord, done: (verdict: Verdict) => void) => {
      kept.push({ word, done });
      return null;
    },
    apply: () => {},
  } as unknown as Replicator;
  const hold = (version: number, more = '') => {
    const bytes = Buffer.from(
      `HTTP/1.1 200 OK\r\n${more}Limpet-Session-Put: epoch=1; version=${version}; ttl=60; by=p; data=e30\r\nContent-Length: 0\r\n\r\n`,
    );
    const head = new ResponseHead({ headBytes: 4096, headers: 20, uriBytes: 0 });
    expect(head.read(bytes, 0, bytes.length)).toBe(bytes.length);
    return dialog.mustHold(head, copies);
  };
  dialog.begin();
  return { dialog, told, kept, hold };
}

test('an answer is held once: read again when the store has it, it passes', () => {
  const { told, kept, hold } = stage();
  expect(hold(1)).toBe(true);
  kept[0]!.done('kept');
  expect(told).toEqual(['wait', 'proceed']);
  expect(hold(1)).toBe(false);
});

test('the answer to a request that went out once more is held for itself', () => {
  const { dialog, told, kept, hold } = stage();
  expect(hold(1)).toBe(true);
  kept[0]!.done('kept');
  dialog.again();
  expect(hold(2)).toBe(true);
  expect(kept.map(({ word }) => word.put?.version)).toEqual([1, 2]);
  // What comes of the first answer now is not about the second.
  kept[0]!.done('fenced');
  expect(told).toEqual(['wait', 'proceed', 'wait']);
  kept[1]!.done('kept');
  expect(told).toEqual(['wait', 'proceed', 'wait', 'proceed']);
});

test('how the cookie is to be goes with its own answer, and one that cannot be understood is refused before anything is kept', () => {
  const { dialog, told, kept, hold } = stage();
  expect(hold(1, 'Limpet-Session-Cookie: tag=00000007; idle=60\r\n')).toBe(true);
  expect(dialog.cookie).toMatchObject({ tag: 7, idle: 60 });
  dialog.again();
  expect(dialog.cookie).toBeUndefined();
  expect(hold(1, 'Limpet-Session-Cookie: tag=00000000\r\n')).toBe(true);
  expect(dialog.cookie).toBeNull();
  dialog.again();
  expect(hold(1, 'Limpet-Session-Cookie: tag=00000007; path=%2F%0Ax\r\n')).toBe(true);
  expect([told.at(-1), kept.length]).toEqual(['bad-response', 2]);
});
