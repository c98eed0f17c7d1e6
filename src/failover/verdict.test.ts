import { describe, expect, test } from 'vitest';
import { balancerFaults, requestFaults, serverFaults } from '../errors.ts';
import { type Failure, type Verdict, verdict } from './verdict.ts';

const both = [true, false];

/** Of attempts, and of refusals in the last one. */
const counts = [1, 2, 3, 4].flatMap((attempts) => [0, 1, 2].map((refusals) => [attempts, refusals] as const));

const lost: Failure = {
  fault: serverFaults.closedEarly,
  stage: 'sent',
  reused: false,
  answered: false,
  refusals: 0,
  idempotent: true,
  replayable: true,
  attempts: 1,
  maxAttempts: 3,
  timeLeft: 1000,
};

/** Every combination, each with what the rules say, derived rule by rule from the words of the design and RFC 9110. */
function expected(failure: Failure): Verdict {
  // "Bytes of a response already relayed: never."
  if (failure.stage === 'relayed') return 'refuse';
  if (failure.timeLeft <= 0) return 'refuse';
  const attemptsLeft = failure.attempts < failure.maxAttempts;
  const closed = failure.fault === serverFaults.closedEarly;
  const reset = failure.fault === serverFaults.streamReset;
  // RFC 9113 section 8.7: the server has not begun with it, so that it can be sent again, whatever its method.
  const refused = failure.fault === serverFaults.streamRefused;
  // RFC 9110 section 9.2.2: automatically only idempotent methods, and only what can be sent again, after a lost connection.
  if (failure.stage === 'sent' && !(((closed || reset) && failure.idempotent) || refused)) return 'refuse';
  if (failure.stage === 'sent' && !failure.replayable) return 'refuse';
  // The session is there: that server first.
  if (refused && failure.refusals < 2) return 'same';
  // RFC 9112 section 9.3.1: an idle connection may have been closed as we wrote, or before; the server itself has not failed.
  if (closed && failure.reused && !failure.answered) return 'same';
  // "Nothing sent: always retriable, on another server."
  return attemptsLeft ? 'other' : 'refuse';
}

describe('verdict', () => {
  test('of every combination', () => {
    let count = 0;
    for (const fault of Object.values(serverFaults))
      for (const stage of ['unsent', 'sent', 'relayed'] as const)
        for (const reused of both)
          for (const answered of both)
            for (const idempotent of both)
              for (const replayable of both)
                for (const [attempts, refusals] of counts)
                  for (const timeLeft of [-1, 0, 1]) {
                    const failure = {
                      fault,
                      stage,
                      reused,
                      answered,
                      refusals,
                      idempotent,
                      replayable,
                      attempts,
                      maxAttempts: 3,
                      timeLeft,
                    };
                    expect(`${JSON.stringify(failure)} ${verdict(failure)}`).toBe(
                      `${JSON.stringify(failure)} ${expected(failure)}`,
                    );
                    count++;
                  }
    expect(count).toBe(Object.keys(serverFaults).length * 3 * 2 * 2 * 2 * 2 * counts.length * 3);
  });

  test.each([...Object.values(requestFaults), ...Object.values(balancerFaults)])(
    '$code is nothing that another server could mend',
    (fault) => {
      for (const stage of ['unsent', 'sent', 'relayed'] as const)
        expect(verdict({ ...lost, fault, stage })).toBe('refuse');
    },
  );

  // The same in words, one line each, so that a change of the rules shows here.
  test.each<[string, Partial<Failure>, Verdict]>([
    ['a lost GET goes to another server', {}, 'other'],
    ['a lost POST is not repeated', { idempotent: false }, 'refuse'],
    ['a lost POST is not repeated on a stale connection either', { idempotent: false, reused: true }, 'refuse'],
    [
      'a POST that was never sent is',
      { idempotent: false, stage: 'unsent', fault: serverFaults.connectRefused },
      'other',
    ],
    [
      'and one whose idle connection closed before it went out goes to the same server',
      { idempotent: false, reused: true, stage: 'unsent' },
      'same',
    ],
    ['a GET on a stale connection goes to the same server', { reused: true }, 'same'],
    ['also when all attempts are used up', { reused: true, attempts: 3 }, 'same'],
    ['but not when it had begun to answer', { reused: true, answered: true }, 'other'],
    ['a PUT whose body is gone is not repeated', { replayable: false }, 'refuse'],
    ['a slow server is not asked twice', { fault: serverFaults.responseTimeout }, 'refuse'],
    ['a garbled answer is not asked for twice', { fault: serverFaults.badResponse }, 'refuse'],
    [
      'a POST that a server of HTTP/2 has refused goes to it once more',
      { fault: serverFaults.streamRefused, idempotent: false },
      'same',
    ],
    ['after two refusals to another one', { fault: serverFaults.streamRefused, refusals: 2 }, 'other'],
    ['but not when its body is gone', { fault: serverFaults.streamRefused, replayable: false }, 'refuse'],
    ['a GET whose stream was reset goes to another server', { fault: serverFaults.streamReset, reused: true }, 'other'],
    ['a POST whose stream was reset is not repeated', { fault: serverFaults.streamReset, idempotent: false }, 'refuse'],
    ['a server that asks for calm is not asked again', { fault: serverFaults.serverOverloaded }, 'refuse'],
    ['no more servers than allowed', { attempts: 3 }, 'refuse'],
    ['no more time', { timeLeft: 0 }, 'refuse'],
    ['a body cut short is never made up for', { stage: 'relayed', fault: serverFaults.bodyCut }, 'refuse'],
  ])('%s', (_words, change, answer) => {
    expect(verdict({ ...lost, ...change })).toBe(answer);
  });
});
