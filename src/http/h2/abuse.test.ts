import { expect, test } from 'vitest';
import { Abuse, AbuseCounters, abuseErrors, abuseKinds, abuseNames, defaultAbuseLimits } from './abuse.ts';
import { ErrorCode } from './errors.ts';

test('each kind has its number, its name, its limit and an error of the connection', () => {
  expect(abuseKinds.map((kind) => Abuse[kind])).toEqual(abuseKinds.map((_, i) => i));
  expect(abuseNames[Abuse.closedStreamFrames]).toBe('closed-stream-frames');
  for (const kind of abuseKinds) {
    const counters = new AbuseCounters(defaultAbuseLimits, 0);
    for (let i = 0; i < defaultAbuseLimits[kind]; i++) expect(counters.count(Abuse[kind], i)).toBe(null);
    const error = counters.count(Abuse[kind], 59_999);
    expect(error).toBe(abuseErrors[Abuse[kind]]);
    expect(error).toMatchObject({ code: ErrorCode.enhanceYourCalm, scope: 'connection' });
    // The other kinds have their own count, and the next minute another.
    expect(counters.count((Abuse[kind] + 1) % abuseKinds.length, 59_999)).toBe(null);
    expect(counters.count(Abuse[kind], 60_000)).toBe(null);
  }
});

test('pings and window updates cost nothing as long as this side sends', () => {
  const counters = new AbuseCounters(defaultAbuseLimits, 0);
  for (let i = 0; i < 10_000; i++) {
    if (i % 2 === 0) counters.onDataSent(false);
    else counters.onHeadersSent();
    expect(counters.count(Abuse.pings, 1)).toBe(null);
    for (let k = 0; k < 5; k++) expect(counters.count(Abuse.windowUpdates, 1)).toBe(null);
  }
});

test('a window update with each DATA frame is not saved up for later', () => {
  const counters = new AbuseCounters(defaultAbuseLimits, 0);
  for (let i = 0; i < 1000; i++) counters.onDataSent(false);
  for (let i = 0; i < defaultAbuseLimits.windowUpdates; i++) counters.count(Abuse.windowUpdates, 1);
  expect(counters.count(Abuse.windowUpdates, 1)).not.toBe(null);
});
