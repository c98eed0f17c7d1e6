import { expect, test } from 'vitest';
import { serverOf } from '../../test/support/servers.ts';
import { LongLivedSet } from './long-lived.ts';

function stage(grace: number, deadline: number) {
  const servers = [serverOf(0), serverOf(1)];
  const set = new LongLivedSet({ grace, deadline });
  const told: string[] = [];
  const open = servers.map((at, i) => ({
    index: -1,
    at,
    dismiss: () => void told.push(`ask ${i}`),
    cut: () => void told.push(`cut ${i}`),
  }));
  for (const one of open) set.add(one);
  const tick = (now: number): string[] => {
    set.tick(servers, now);
    return told.splice(0);
  };
  return { servers, set, open, tick };
}

test('those of a drained server are asked after the grace, and closed at the deadline', () => {
  const { servers, tick } = stage(2000, 4000);
  expect(tick(1000)).toEqual([]);
  servers[0]!.report.drained = true;
  expect([tick(2000), tick(3000)]).toEqual([[], []]);
  expect([tick(4000), tick(5000), tick(6000)]).toEqual([['ask 0'], ['ask 0'], ['cut 0']]);
});

test('a server that is ready again asks nobody, and its next drain has a grace of its own', () => {
  const { servers, tick } = stage(2000, 0);
  servers[0]!.report.drained = true;
  tick(1000);
  servers[0]!.report.drained = false;
  expect(tick(9000)).toEqual([]);
  servers[0]!.report.drained = true;
  expect([tick(10_000), tick(11_000), tick(12_000), tick(99_000)]).toEqual([[], [], ['ask 0'], ['ask 0']]);
});

test('those of a server that is taken down go at once', () => {
  const { servers, set, open, tick } = stage(60_000, 0);
  servers[1]!.report.drained = servers[1]!.report.maintenance = true;
  expect([tick(1000), tick(2000)]).toEqual([['ask 1'], ['cut 1']]);
  set.remove(open[1]!);
  expect(tick(3000)).toEqual([]);
});

test('those of a server that has left the pool are asked after the grace', () => {
  const { servers, set, open, tick } = stage(2000, 4000);
  const [gone] = servers.splice(0, 1);
  gone!.removed = true;
  set.left(gone!);
  expect([tick(1000), tick(2000), tick(3000), tick(5000)]).toEqual([[], [], ['ask 0'], ['cut 0']]);
  set.remove(open[0]!);
  expect(tick(6000)).toEqual([]);
  // Its request was under way when the server left.
  set.add(open[0]!);
  expect([tick(7000), tick(9000)]).toEqual([[], ['ask 0']]);
});

test('all those of a pool that is replaced are asked after the grace, also what begins there later', () => {
  const { set, open, tick } = stage(2000, 0);
  let calls = 0;
  set.remove(open[1]!);
  set.retire(() => calls++);
  expect(calls).toBe(1);
  expect([tick(1000), tick(2000), tick(3000)]).toEqual([[], [], ['ask 0']]);
  set.remove(open[0]!);
  expect(set.isEmpty).toBe(true);
  set.add(open[1]!);
  expect([calls, set.isEmpty, tick(4000)]).toEqual([2, false, ['ask 1']]);
});
