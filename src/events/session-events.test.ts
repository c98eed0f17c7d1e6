import { expect, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import { Counters } from '../metrics/counters.ts';
import { mostSessionEvents, SessionEventBatch } from './session-events.ts';

function stage() {
  const time = new HandTime();
  const counters = new Counters();
  const sent: { readonly sessions: readonly unknown[]; readonly dropped: number }[] = [];
  const batch = new SessionEventBatch({
    send: (events, dropped) => sent.push({ sessions: events.map(({ fields }) => fields.session), dropped }),
    clock: time,
    timers: time,
    counters,
  });
  const end = (tag: number) => batch.ended('shop', tag, 's1', 'the app has ended it');
  return { time, counters, sent, batch, end };
}

test('events of 100 ms go together, each with the eight hex digits of its session', () => {
  const { time, sent, batch, end } = stage();
  end(1);
  const change = { name: 'session.moved', pool: 'shop', from: 's1', to: 's2', reason: '', copied: true } as const;
  batch.ownerChanged({ ...change, tag: 0xabcdef01 });
  batch.fenced('shop', 3, 's1', '');
  expect(sent).toEqual([]);
  time.advance(100);
  end(4);
  time.advance(100);
  expect(sent).toEqual([
    { sessions: ['00000001', 'abcdef01', '00000003'], dropped: 0 },
    { sessions: ['00000004'], dropped: 0 },
  ]);
  expect(time.pending).toBe(0);
});

test('beyond the rate events are counted, and their number is sent once for a second', () => {
  const { time, counters, sent, end } = stage();
  for (let n = 0; n < mostSessionEvents + 30; n++) end(n);
  time.advance(100);
  expect(sent.map(({ sessions, dropped }) => [sessions.length, dropped])).toEqual([[mostSessionEvents, 30]]);
  for (let n = 0; n < 12; n++) end(n);
  time.advance(899);
  expect(sent).toHaveLength(1);
  time.advance(1);
  expect(sent.slice(1)).toEqual([{ sessions: [], dropped: 12 }]);
  expect(counters.snapshot().events_dropped).toBe(42);
  end(7);
  time.advance(100);
  expect(sent.slice(2)).toEqual([{ sessions: ['00000007'], dropped: 0 }]);
});

test('a thread that ends sends what it has', () => {
  const { time, sent, batch, end } = stage();
  batch.flush();
  end(1);
  batch.flush();
  time.advance(1000);
  expect(sent).toEqual([{ sessions: ['00000001'], dropped: 0 }]);
});
