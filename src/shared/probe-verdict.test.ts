import { expect, test } from 'vitest';
import { ProbeVerdict } from './probe-verdict.ts';

test('all threads see the last judgement, as long as it is fresh', () => {
  const buffer = ProbeVerdict.create();
  const [supervisor, worker] = [new ProbeVerdict(buffer), new ProbeVerdict(buffer)];
  const seen = (seconds: number) => [worker.live(seconds), worker.ready(seconds)];
  expect(seen(1_800_000_000)).toEqual([false, false]);
  supervisor.judge(true, false, 1_800_000_000);
  expect(seen(1_800_000_000)).toEqual([true, false]);
  supervisor.judge(true, true, 1_800_000_001);
  expect(seen(1_800_000_005)).toEqual([true, true]);
  // The supervisor has not judged for five seconds: its own event loop hangs.
  expect(seen(1_800_000_006)).toEqual([false, false]);
  // After 2038 the seconds do not fit into 31 bits.
  supervisor.judge(true, true, 2 ** 31 + 1);
  expect(seen(2 ** 31 + 2)).toEqual([true, true]);
});
