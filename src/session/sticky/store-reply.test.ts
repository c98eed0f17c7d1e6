import { expect, test } from 'vitest';
import { errorOf, isReply, type StoreReply } from './store-reply.ts';

const reply = (status: number, outcome: string, epoch?: string): StoreReply => ({
  status,
  outcome,
  fields: new Map(epoch === undefined ? [] : [['epoch', epoch]]),
  rotation: new Map(),
  body: Buffer.alloc(0),
});

test('a status counts only with the word of the store interface', () => {
  expect([isReply(reply(404, 'none'), 404, 'none'), isReply(reply(404, ''), 404, 'none')]).toEqual([true, false]);
});

test.each([
  [reply(409, 'fenced', '4'), 'session-fenced', 'epoch 4 owns it now'],
  [reply(409, 'fenced'), 'session-fenced', 'somebody else owns it now'],
  [reply(410, 'ended'), 'session-ended', 'it has ended'],
  [reply(413, 'too-large'), 'state-too-large', 'too large for the store'],
  [reply(503, 'ending'), 'session-ending', 'the store has yet to be told'],
  [reply(501, 'no-copies'), 'session-store', 'sessions.replication: none'],
  [reply(421, 'unknown-server'), 'session-store', "has left the balancer's config"],
  [reply(401, ''), 'session-store', 'it has another secret'],
  [reply(410, ''), 'session-store', 'found something else than the store interface'],
  [reply(503, 'failed'), 'session-store', 'answered 503 (failed)'],
])('%o is %s', (given, code, message) => {
  expect(errorOf(given, 'keeping a session')).toMatchObject({ code, message: expect.stringContaining(message) });
});
