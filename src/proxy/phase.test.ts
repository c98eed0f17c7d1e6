/** The phase of an exchange: one deadline, and who is late when it passes. */
import { expect, test } from 'vitest';
import { Wheel } from '../time/wheel.ts';
import { type Expiry, type Phase, PhaseTimer } from './phase.ts';

function stage() {
  const wheel = new Wheel(1000);
  const expired: Expiry[] = [];
  const timer = new PhaseTimer(wheel, (expiry) => void expired.push(expiry));
  const advance = (ms: number): void => wheel.turn(wheel.now + ms);
  return { timer, advance, expired };
}

const overdue: readonly [phase: Phase, overdue: Expiry['overdue'], fault: string][] = [
  ['stale-view', 'balancer', 'queue-timeout'],
  ['queued', 'balancer', 'queue-timeout'],
  ['store-query', 'store-query', 'session-store'],
  ['connecting', 'server', 'connect-timeout'],
  ['request-body', 'client', 'request-timeout'],
  ['body-room', 'server', 'response-timeout'],
  ['response', 'server-or-client', 'response-timeout'],
  ['store-put', 'store-put', 'session-store'],
  ['relaying', 'server-or-client', 'body-timeout'],
];

test.each(overdue)('%s: %s is overdue, %s', (phase, who, code) => {
  const { timer, advance, expired } = stage();
  timer.enter(phase, 1000);
  advance(900);
  expect(expired).toEqual([]);
  advance(300);
  expect(expired.map((expiry) => [expiry.overdue, expiry.fault.code])).toEqual([[who, code]]);
});

test('a phase that goes on is given more time, and another one its own', () => {
  const { timer, advance, expired } = stage();
  timer.enter('response', 1000);
  advance(800);
  timer.extend(1000);
  advance(800);
  timer.enter('relaying', 1000);
  advance(800);
  expect(expired).toEqual([]);
  advance(400);
  expect(expired.map(({ fault }) => fault.code)).toEqual(['body-timeout']);
});

test.each(['idle', 'tunnel'] as const)('%s has no limit', (phase) => {
  const { timer, advance, expired } = stage();
  timer.enter(phase, 0);
  advance(3_600_000);
  timer.enter(phase, 1000);
  advance(2000);
  expect(expired).toEqual([]);
});

test('nothing expires after the end', () => {
  const { timer, advance, expired } = stage();
  timer.enter('connecting', 1000);
  timer.end();
  advance(2000);
  expect([expired, timer.phase]).toEqual([[], 'idle']);
});

test('the request is being sent while its body is awaited, from the client or for room at the server', () => {
  const { timer } = stage();
  const sending = overdue
    .map(([phase]) => phase)
    .filter((phase) => {
      timer.enter(phase, 1000);
      return timer.isSending;
    });
  expect(sending).toEqual(['request-body', 'body-room']);
});
