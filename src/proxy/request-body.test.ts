/** The request's body: held without a server, passed on with one, kept while it may have to be sent once more, and always given back. */
import { describe, expect, test } from 'vitest';
import { createWorkerContext } from '../../test/support/worker-context.ts';
import { HeadWriter } from '../http/writer.ts';
import { RequestBody } from './request-body.ts';

function stage(limit = 10) {
  const calls: string[] = [];
  let buffered = 0;
  const source = {
    addBuffered: (bytes: number) => {
      buffered += bytes;
    },
    pauseBody: () => void calls.push('pause'),
    resumeBody: () => void calls.push('resume'),
  };
  const target = {
    slow: false,
    sendData: (piece: Buffer) => {
      calls.push(`send ${piece.toString()}`);
      return !target.slow;
    },
    finish: (trailers: Buffer | null) => void calls.push(`finish ${trailers}`),
  };
  const { buffers } = createWorkerContext();
  const body = new RequestBody(buffers);
  const out = new HeadWriter(64);
  body.begin(source, true);
  body.limit = limit;
  const add = (text: string, to: typeof target | null, isRepeatable = true): void =>
    body.add(Buffer.from(text), to, isRepeatable, out);
  const held = (): string => body.held.map(String).join('|');
  return { body, target, out, calls, add, held, buffered: () => buffered };
}

describe('without a server', () => {
  test('pieces are held in order, and the client is charged for them', () => {
    const { add, held, calls, buffered } = stage();
    add('one', null);
    add('two', null);
    expect([held(), buffered(), calls]).toEqual(['one|two', 6, []]);
  });

  test('the client pauses when more is held than may be', () => {
    const { body, add, calls } = stage(4);
    add('one', null);
    expect(body.paused).toBe(false);
    add('two', null);
    add('late', null);
    expect([body.paused, calls]).toEqual([true, ['pause']]);
    body.resume();
    expect(calls).toEqual(['pause', 'resume']);
  });

  test('what came in one chunk with the head is held and not charged', () => {
    const { body, held, buffered } = stage();
    body.addKept(Buffer.from('first'));
    expect([held(), buffered()]).toEqual(['first', 0]);
    body.clear();
    expect([held(), buffered()]).toEqual(['', 0]);
  });
});

describe('with a server', () => {
  test('pieces are passed on, and kept for a repeat', () => {
    const { body, add, target, held, calls } = stage();
    add('one', target);
    expect([held(), calls, body.complete]).toEqual(['one', ['send one'], true]);
  });

  test('a request that may not be sent twice keeps nothing', () => {
    const { add, target, held, buffered } = stage();
    add('one', target, false);
    expect([held(), buffered()]).toEqual(['', 0]);
  });

  test('beyond the limit nothing is kept any more, and a repeat is out of the question', () => {
    const { body, add, target, held, buffered } = stage(5);
    add('one', target);
    add('two', target);
    add('six', target);
    expect([held(), buffered(), body.complete]).toEqual(['', 0, false]);
  });

  test('a slow one makes the client pause', () => {
    const { body, add, target, calls } = stage();
    target.slow = true;
    add('one', target);
    expect([body.paused, calls]).toEqual([true, ['send one', 'pause']]);
  });

  test('the end is passed on with its trailers, and then nobody is told to pause', () => {
    const { body, target, out, calls } = stage();
    body.end(Buffer.from('X: y\r\n'), target, out);
    body.pause();
    expect([body.ended, calls]).toEqual([true, ['finish X: y\r\n']]);
  });
});

test('a request without a body is whole from the beginning, and can always be repeated', () => {
  const { body } = stage();
  body.begin({ addBuffered() {}, pauseBody() {}, resumeBody() {} }, false);
  body.drop();
  expect([body.ended, body.complete, body.isWithin(0)]).toEqual([true, true, true]);
});

test('the next request begins with nothing of the last one', () => {
  const { body, add, held, buffered } = stage();
  add('one', null);
  body.begin({ addBuffered() {}, pauseBody() {}, resumeBody() {} }, true);
  expect([held(), buffered(), body.limit, body.ended]).toEqual(['', 0, 0, false]);
});
