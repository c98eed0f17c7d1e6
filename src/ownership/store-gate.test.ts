import { describe, expect, test } from 'vitest';
import { sessionOf } from '../../test/support/session.ts';
import type { Server } from '../fleet/server.ts';
import { ResponseHead } from '../http/head.ts';
import type { SessionCommand } from '../http/session-headers.ts';
import { Counters } from '../metrics/counters.ts';
import type { PutOutcome } from './command-writer.ts';
import type { QueryOutcome } from './owner-queries.ts';
import type { SentCopy } from './session.ts';
import { type GateReplicator, StoreGate } from './store-gate.ts';

type QueryDone = (outcome: QueryOutcome, copy: SentCopy | null) => void;

/** An exchange, and a store that answers when the test says so. */
function stage({ degrade = false, isBound = true, keepsCopies = true, replication = 'sync' as 'sync' | 'async' } = {}) {
  const told: string[] = [];
  const kept: { readonly command: SessionCommand; readonly done: (outcome: PutOutcome) => void }[] = [];
  const checked: ((isOver: boolean) => Promise<void>)[] = [];
  const asked: { readonly what: 'query' | 'announce'; readonly done: QueryDone }[] = [];
  const session = sessionOf({ recognised: true });
  const counters = new Counters();
  const server = {} as Server;
  const gate = new StoreGate(
    {
      session,
      server,
      isBound,
      onStoreAnswer: () => told.push('answered'),
      waitForCopy: () => told.push('wait'),
      proceed: () => told.push('proceed'),
      onUnsafe: ({ code }) => told.push(code),
    },
    counters,
  );
  const replicator: GateReplicator = {
    settings: { timeoutMs: 1000, degrade, replication },
    keepsCopies,
    responses: {
      keep: (_session, _server, command, done) => {
        kept.push({ command, done });
        return null;
      },
      apply: () => told.push('applied'),
      adoptPut: () => told.push('adopted'),
    },
    queries: {
      query: (_session, done) => asked.push({ what: 'query', done }),
      announce: (_session, _server, done) => asked.push({ what: 'announce', done }),
      giveBack: () => {},
      isOver: () => {
        const { promise, resolve } = Promise.withResolvers<boolean>();
        // Resolves when the gate has been told.
        checked.push(async (isSo) => {
          resolve(isSo);
          await promise;
        });
        return promise;
      },
    },
  };
  const hold = (version: number, more = '') => {
    const bytes = Buffer.from(
      `HTTP/1.1 200 OK\r\n${more}Limpet-Session-Put: epoch=1; version=${version}; ttl=60; by=p; data=e30\r\nContent-Length: 0\r\n\r\n`,
    );
    const head = new ResponseHead({ headBytes: 4096, headers: 20, uriBytes: 0 });
    expect(head.read(bytes, 0, bytes.length)).toBe(bytes.length);
    return gate.mustHold(head, replicator);
  };
  gate.begin();
  const query = () => gate.query(server, replicator);
  return { gate, session, counters, told, kept, asked, checked, hold, query, replicator };
}

test('an answer is held once: read again when the store has it, it passes', () => {
  const { told, kept, hold } = stage();
  expect(hold(1)).toBe(true);
  kept[0]!.done('kept');
  expect(told).toEqual(['wait', 'applied', 'proceed']);
  expect(hold(1)).toBe(false);
});

test('the answer to a request that went out once more is held for itself', () => {
  const { gate, told, kept, hold } = stage();
  expect(hold(1)).toBe(true);
  kept[0]!.done('kept');
  gate.onRetry();
  expect(hold(2)).toBe(true);
  expect(kept.map(({ command }) => command.put?.version)).toEqual([1, 2]);
  // What comes of the first answer now is not about the second.
  kept[0]!.done('fenced');
  expect(told).toEqual(['wait', 'applied', 'proceed', 'wait']);
  kept[1]!.done('kept');
  expect(told).toEqual(['wait', 'applied', 'proceed', 'wait', 'applied', 'proceed']);
});

test('how the cookie is to be goes with its own answer, and one that cannot be understood is refused before anything is kept', () => {
  const { gate, told, kept, hold } = stage();
  expect(hold(1, 'Limpet-Session-Cookie: tag=00000007; idle=60\r\n')).toBe(true);
  expect(gate.cookie).toMatchObject({ tag: 7, idle: 60 });
  gate.onRetry();
  expect(gate.cookie).toBeUndefined();
  expect(hold(1, 'Limpet-Session-Cookie: tag=00000000\r\n')).toBe(true);
  expect(gate.cookie).toBeNull();
  gate.onRetry();
  expect(hold(1, 'Limpet-Session-Cookie: tag=00000007; path=%2F%0Ax\r\n')).toBe(true);
  expect([told.at(-1), kept.length]).toEqual(['bad-response', 2]);
});

describe('what the store says of the owner', () => {
  test.each([
    ['503', false, false, 'session-store'],
    ['another server stands in', true, false, 'answered'],
    ['the first owner is kept here', false, true, 'answered'],
  ])('a claim without a copy that fails: %s', (_, degrade, firstPlacement, expected) => {
    const { session, told, asked, query } = stage({ degrade, keepsCopies: false });
    session.onStore('record-unannounced');
    session.firstPlacement = firstPlacement;
    query();
    asked[0]!.done('failed', null);
    expect(told).toEqual([expected]);
  });

  test('the session says what is asked; an answer lets the exchange look again', () => {
    const { session, told, asked, query } = stage();
    session.onStore('record-missing');
    query();
    asked[0]!.done('known', null);
    expect(session.storeState).toBe('known');
    session.onStore('record-unannounced');
    query();
    const copy = { epoch: 2, version: 3, data: Buffer.from('x'), expires: 1 };
    asked[1]!.done('known', copy);
    expect(asked.map(({ what }) => what)).toEqual(['query', 'announce']);
    expect(session.sentCopy).toBe(copy);
    expect(told).toEqual(['answered', 'answered']);
  });

  test('a move that is not agreed to lets the session stay; a claim of another exchange is announced all the same', () => {
    const { session, told, asked, query } = stage();
    session.onStore('record-unannounced');
    session.isMoving = true;
    query();
    asked[0]!.done('held', null);
    expect([session.storeState, session.mustStay, told]).toEqual(['known', true, ['answered']]);
    // Else a server got the request by an epoch that the store does not know, and a former owner could still put.
    session.onStore('record-unannounced');
    expect(session.storeState).toBe('must-announce');
  });

  test('a claim away from an owner that has failed, and is held, goes on without it', () => {
    const { session, asked, query } = stage({ keepsCopies: false });
    session.onStore('record-unannounced');
    query();
    asked[0]!.done('held', null);
    expect([session.storeState, session.mustStay]).toEqual(['without-store', false]);
  });

  test('an end makes the session one that is over, and is an answer', () => {
    const { session, told, asked, query } = stage();
    session.onStore('record-missing');
    query();
    asked[0]!.done('ended', null);
    expect([session.storeState, told]).toEqual(['ended', ['answered']]);
  });

  test.each<[QueryOutcome, string]>([
    ['failed', 'session-store'],
    ['lost', 'session-lost'],
    ['ending', 'session-ending'],
  ])('%s: refused with %s', (outcome, code) => {
    const { told, asked, query } = stage();
    query();
    asked[0]!.done(outcome, null);
    expect(told).toEqual([code]);
  });

  test('that comes too late is ignored, and the exchange goes on without it where it may', () => {
    const { gate, session, counters, told, asked, query, replicator } = stage({ degrade: true });
    session.onStore('record-missing');
    query();
    gate.onQueryTimeout(replicator);
    asked[0]!.done('known', null);
    expect([session.storeState, gate.degraded, told]).toEqual(['without-store', true, ['answered']]);
    expect(counters.snapshot().copies_degraded).toBe(1);
    gate.onRetry();
    expect(gate.degraded).toBe(true);
  });

  test('is asked for eight times at most', () => {
    const { told, asked, query } = stage();
    for (let n = 0; n < 8; n++) {
      query();
      asked[n]!.done('known', null);
    }
    query();
    expect([asked.length, told.at(-1)]).toEqual([8, 'session-store']);
  });
});

describe('a copy that the store does not take', () => {
  test.each<[PutOutcome, string]>([
    ['fenced', 'session-fenced'],
    ['failed', 'session-store'],
    ['ending', 'session-ending'],
    ['refused', 'bad-response'],
  ])('%s: the response is dropped with %s', (outcome, code) => {
    const { told, kept, hold } = stage();
    expect(hold(1)).toBe(true);
    kept[0]!.done(outcome);
    expect(told).toEqual(['wait', code]);
  });

  test('in time lets the response pass where it may, marked', () => {
    const { gate, told, kept, hold, replicator } = stage({ degrade: true });
    expect(hold(1)).toBe(true);
    gate.onPutTimeout(replicator);
    kept[0]!.done('kept');
    expect([gate.degraded, told]).toEqual([true, ['wait', 'applied', 'proceed']]);
  });

  test('is never passed over when it ends the session, or gives it another id', () => {
    for (const change of [{ ended: 1 }, { rotate: 'ab'.repeat(16) }]) {
      const { gate, told, kept, replicator } = stage({ degrade: true });
      expect(gate.mustHoldEnd({ put: null, ended: 0, rotate: '', ...change }, replicator)).toBe(true);
      kept[0]!.done('failed');
      expect(told).toEqual(['wait', 'session-store']);
    }
  });

  test('at the end of the response begins no session: its client could not be told', () => {
    const { gate, told, kept, replicator } = stage({ isBound: false });
    const put = { epoch: 1, version: 1, ttl: 60, by: 'p', data: Buffer.from('x') };
    expect(gate.mustHoldEnd({ put, ended: 0, rotate: '' }, replicator)).toBe(true);
    expect([told, kept.length]).toEqual([['bad-response'], 0]);
  });
});

describe('a token for another owner', () => {
  const changed = (options = {}) => {
    const scene = stage(options);
    scene.session.changeBinding('changed');
    return { ...scene, holdToken: () => scene.gate.mustHoldToken(scene.replicator) };
  };

  test.each([
    [false, 'changed'],
    [true, 'withheld'],
  ] as const)('waits for the store, once; its session is over: %s', async (isOver, binding) => {
    const { session, told, checked, holdToken } = changed();
    expect(holdToken()).toBe(true);
    await checked[0]!(isOver);
    expect([told, session.binding]).toEqual([['wait', 'proceed'], binding]);
    expect([holdToken(), checked.length]).toEqual([false, 1]);
  });

  test('is given when the store does not answer in time: nothing ends without it', async () => {
    const { gate, session, told, checked, holdToken, replicator } = changed();
    holdToken();
    gate.onPutTimeout(replicator);
    await checked[0]!(true);
    expect([told, session.binding]).toEqual([['wait', 'proceed'], 'changed']);
  });

  test('is looked at once more with the response to the next attempt', async () => {
    const { gate, told, checked, holdToken } = changed();
    holdToken();
    gate.onRetry();
    await checked[0]!(true);
    expect(told).toEqual(['wait']);
    expect([holdToken(), checked.length]).toEqual([true, 2]);
  });

  test.each([
    ['sync', false],
    ['async', true],
  ] as const)('with a change that the store has kept (%s): waits %s', (replication, expected) => {
    const { kept, hold, holdToken } = changed({ replication });
    hold(1);
    kept[0]!.done('kept');
    expect(holdToken()).toBe(expected);
  });
});
